#include "convllava/stage/memory_needs.h"

#include <c10/core/CPUAllocator.h>
#include <fmt/format.h>

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <sstream>

#include "convllava/config/yaml.h"
#include "convllava/core/suggest.h"
#include "convllava/data/packed_batch.h"
#include "convllava/infer/tensors.h"
#include "convllava/nn/init.h"
#include "convllava/nn/libtorch.h"
#include "convllava/parallel/level_needs.h"
#include "convllava/setup/build_model.h"
#include "convllava/stage/check_config.h"
#include "tests/catch.h"
#include "tests/support/tiny_model.h"

using namespace convllava;

namespace {

/// LibTorch's CPU memory, counted while this object lives; all of it must be free at its end.
class CountedMemory : public c10::Allocator {
 public:
  CountedMemory() : before_(c10::GetCPUAllocator()) { c10::SetCPUAllocator(this, kPriority); }
  ~CountedMemory() override { c10::SetCPUAllocator(before_, kPriority); }

  c10::DataPtr allocate(size_t bytes) override {
    auto* block = static_cast<std::byte*>(std::aligned_alloc(kHeader, (bytes + 2 * kHeader - 1) / kHeader * kHeader));
    new (block) Header{static_cast<int64_t>(bytes), this};
    in_use_ += static_cast<int64_t>(bytes);
    most_ = std::max<int64_t>(most_, in_use_);
    return {block + kHeader, block + kHeader, &CountedMemory::release, torch::kCPU};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &CountedMemory::release; }
  void copy_data(void* to, const void* from, size_t bytes) const override { default_copy_data(to, from, bytes); }

  int64_t in_use() const { return in_use_; }
  int64_t most() const { return most_; }

 private:
  struct Header {
    int64_t bytes;
    CountedMemory* owner;
  };
  static constexpr size_t kHeader = 64;
  static constexpr uint8_t kPriority = 100;
  static void release(void* data) {
    auto* block = static_cast<std::byte*>(data) - kHeader;
    const auto* header = reinterpret_cast<const Header*>(block);
    header->owner->in_use_ -= header->bytes;
    std::free(block);
  }
  c10::Allocator* before_;
  std::atomic<int64_t> in_use_ = 0;
  std::atomic<int64_t> most_ = 0;
};

constexpr int64_t kSamples = 4;
constexpr int64_t kPixels = 256;

/// Wide enough that activations outweigh everything else.
model::ModelConfig small_shape(int64_t stem_channels) {
  model::ModelConfig shape;
  shape.vision = testing::convnext({1, 2, 2, 1, 2}, {stem_channels, 32, 48, 64, 96});
  shape.llm.vocab_size = 300;
  shape.llm.hidden_size = 96;
  shape.llm.intermediate_size = 256;
  shape.llm.num_hidden_layers = 6;
  shape.llm.num_attention_heads = shape.llm.num_key_value_heads = 4;
  shape.llm.max_position_embeddings = 512;
  return shape;
}

/// Samples of one image of 16 visual tokens and `text` tokens, half of which are learnt.
model::Batch batch_of(int64_t text) {
  data::Sample sample;
  sample.prompt.input_ids.assign(text + 1, 5);
  sample.prompt.input_ids[1] = text::kImageToken;
  sample.prompt.labels.assign(text + 1, text::kIgnoreLabel);
  for (int64_t i = text / 2; i <= text; ++i) sample.prompt.labels[i] = 5;
  sample.visual_tokens = 16;
  sample.image = image::Image{kPixels, kPixels, std::vector<uint8_t>(kPixels * kPixels * 3, 100)};
  return infer::to_tensors(data::pack(std::vector<data::Sample>(kSamples, sample), 512), torch::kCPU);
}

struct Measured {
  int64_t after_forward = 0;
  int64_t most = 0;
};

/// Forward and backward; the gradients of the parameters have their memory already.
Measured measure(model::ConvLlavaImpl& model, int64_t text) {
  const auto inputs = batch_of(text);
  for (auto& parameter : model.parameters()) {
    if (parameter.requires_grad()) parameter.mutable_grad() = torch::zeros_like(parameter);
  }
  const CountedMemory memory;
  const auto loss = model.loss(inputs, 1.0);
  const int64_t after_forward = memory.in_use();
  loss.backward();
  return {after_forward, memory.most()};
}

void compare(const std::vector<std::string>& trainable, const std::vector<std::string>& recompute, int64_t text = 300,
             int64_t stem_channels = 16) {
  INFO(fmt::format("trains {}, recomputes {}", core::join(trainable), core::join(recompute)));
  stage::RunConfig config;
  config.dtype = hardware::Dtype::kFp32;
  model::ConvLlava model(small_shape(stem_channels));
  nn::initialize(model->blocks());
  setup::set_trainable(*model, trainable);
  model->set_recompute(recompute);
  const auto needs = stage::memory_needs(*model, config, {kSamples * (text + 16), kSamples, kPixels});
  const auto measured = measure(*model, text);
  // The head's gradient, which counts as workspace, is already there after forward.
  const auto head = model->llm->head_weight();
  const int64_t kept = needs.activations + (head.requires_grad() ? head.numel() * 4 : 0);
  CHECK(static_cast<double>(measured.after_forward) == Approx(static_cast<double>(kept)).epsilon(0.02));
  const double most = static_cast<double>(measured.most) / static_cast<double>(needs.activations + needs.workspace);
  CHECK(most < 1.02);
  CHECK(most > 0.8);
}

stage::MemoryNeeds needs_of(const std::string& file, const stage::MicroBatchShape& batch) {
  const auto config = stage::load_run_config(CONVLLAVA_SOURCE_DIR "/configs/" + file);
  model::ConvLlava model(model::named_model_config("convllava-7b"), torch::kMeta);
  setup::set_trainable(*model, config.trainable);
  model->set_recompute(config.train.recompute);
  return stage::memory_needs(*model, config, batch);
}

}  // namespace

TEST_CASE("what forward keeps is what the formula says, and backward needs little more", "[stage]") {
  compare({"vision.stages.5", "projector"}, {});
  compare({"projector", "llm"}, {});
  compare({"llm"}, {});
  compare({"vision.stages.3-5", "projector", "llm"}, {});
  compare({"vision", "projector", "llm"}, {});
  compare({"vision", "projector"}, {});
  compare({"projector", "llm"}, {"llm"});
  compare({"vision.stages.3-5", "projector", "llm"}, {"vision", "llm"});
  compare({"vision", "projector", "llm"}, {"vision", "llm"});
}

TEST_CASE("a frozen tower's widest block counts where the text is short", "[stage]") {
  compare({"projector", "llm"}, {}, /*text=*/20, /*stem_channels=*/128);
}

// By hand, for 16 samples of 400 tokens, images of 768 pixels: T = 6400 tokens, 2304 visual ones.
TEST_CASE("the paper's stages need what their layers' sizes give", "[stage]") {
  const stage::MicroBatchShape batch{6400, 16, 768};
  SECTION("stage 1: all of the language model's activations, the fifth stage, the projector") {
    const auto needs = needs_of("stage1.yaml", batch);
    CHECK(needs.weights == 2 * 7'436'945'600);
    CHECK(needs.gradients == 4 * 502'302'720LL);
    CHECK(needs.optimizer == 12 * 502'302'720LL);
    const int64_t layers = 32 * 6400LL * (2 * (4 * 4096 + 2 * 4096 + 3 * 11008) + 8 + 4 * 32);
    const int64_t head = 6400LL * (2 * 2 * 4096 + 4);
    const int64_t stage5 = 6 * 2304LL * (2 * 12 * 3072 + 8) + 9216LL * (2 * 2 * 1536 + 8);
    const int64_t projector = 2304LL * 2 * (3072 + 2 * 4096);
    CHECK(layers + head + stage5 + projector == 24'853'623'808);
    CHECK(needs.activations == 24'853'623'808);
    CHECK(needs.workspace == 3 * 134'217'728LL);  // the chunk of logits
    CHECK(needs.total() == 48'167'011'712);
  }
  SECTION("stage 2: states of nearly all parameters") {
    const auto needs = needs_of("stage2.yaml", batch);
    CHECK(needs.states() == 2 * 7'436'945'600 + 16 * 7'432'116'224);
  }
  SECTION("stage 3: recomputed layers keep their inputs") {
    const auto needs = needs_of("stage3.yaml", batch);
    CHECK(needs.activations == 6400LL * (32 * 2 * 4096 + 2 * 2 * 4096 + 4) + 2304LL * 2 * (3072 + 2 * 4096));
    const int64_t layer = 6400LL * (2 * (6 * 4096 + 2 * 4096 + 4 * 11008) + 8 + 4 * 32);
    CHECK(needs.workspace == layer + layer / 2);
  }
}

// By hand, from the formulas of parallel/level_needs.h; padding is less than 1 part in 10,000.
TEST_CASE("the levels of stage 2 on eight ranks need what the formulas give", "[stage]") {
  const auto config = stage::load_run_config(CONVLLAVA_SOURCE_DIR "/configs/stage2.yaml");
  model::ConvLlava model(model::named_model_config("convllava-7b"), torch::kMeta);
  setup::set_trainable(*model, config.trainable);
  const double trained = 7'432'116'224;
  const double frozen = 7'436'945'600 - trained;
  const auto check = [&](parallel::Level level, double held, double sent) {
    const auto needs = parallel::level_needs(model->blocks(), {.shard = level}, {.ranks = 8, .micro_batches = 4});
    CHECK(static_cast<double>(needs.total() - needs.passing) == Approx(held).epsilon(1e-4));
    CHECK(needs.sent == Approx(sent * 7 / 8).epsilon(1e-4));
  };
  check(parallel::Level::kNone, 18 * trained + 2 * frozen, 8 * trained);
  check(parallel::Level::kOptimizer, 6 * trained + 12 * trained / 8 + 2 * frozen, 6 * trained);
  check(parallel::Level::kGradients, 2 * trained + 2 * frozen + 16 * trained / 8, (4 * 4 + 2) * trained);
  // Of each micro-batch: gradients; all weights in forward; in backward neither the embedding and the head, nor the
  // last layer and norm, which are still there, nor the frozen beginning of the tower.
  const double twice = 32'000 * 4096.0;
  const double layer = 4 * 4096.0 * 4096 + 3 * 4096.0 * 11008 + 2 * 4096;
  const double in_backward = trained - 2 * twice - layer - 4096;
  check(parallel::Level::kParameters, (18 * trained + 2 * frozen) / 8,
        4 * (4 * trained + 2 * (trained + frozen) + 2 * in_backward));

  const auto table = stage::levels_table(*model, config, 8);
  CHECK(table.starts_with("states by parallel.shard, and what each of 8 ranks sends in a step of 4 micro-batches\n"));
  CHECK(table.find("optimizer     14.9 GB    29.7 GB    11.1 GB       0 MB    55.8 GB    39.0 GB") != table.npos);
}

TEST_CASE("the shipped stages fit on eight GPUs of 80 GB, also in the worst case", "[stage]") {
  for (const std::string stage : {"stage1", "stage2", "stage3"}) {
    for (const std::string size : {"", "_1024", "_1536"}) {
      INFO(stage + size);
      const auto config = stage::load_run_config(CONVLLAVA_SOURCE_DIR "/configs/" + stage + size + ".yaml");
      model::ConvLlava model(model::named_model_config("convllava-7b"), torch::kMeta);
      setup::set_trainable(*model, config.trainable);
      model->set_recompute(config.train.recompute);
      std::istringstream table(stage::needs_table(*model, config, 8));
      std::string line;
      for (int row = 0; row < 4; ++row) std::getline(table, line);
      REQUIRE(line.find("the worst case") != line.npos);
      CHECK(std::stod(line) < 77);  // GB; 3 GB for CUDA and NCCL
    }
  }
}

TEST_CASE("a checkpoint holds the weights and the optimizer's state", "[stage]") {
  model::ConvLlava model(model::named_model_config("convllava-7b"), torch::kMeta);
  setup::set_trainable(*model, {"vision.stages.5", "projector"});
  const auto bytes = [&](hardware::Dtype dtype, const std::string& optimizer) {
    stage::RunConfig config;
    config.dtype = dtype;
    config.train.optimizer = optimizer;
    return stage::checkpoint_bytes(*model, config);
  };
  CHECK(bytes(hardware::Dtype::kBf16, "adamw") == 2 * 7'436'945'600 + 12 * 502'302'720LL);
  CHECK(bytes(hardware::Dtype::kFp32, "adamw") == 4 * 7'436'945'600 + 8 * 502'302'720LL);
  CHECK(bytes(hardware::Dtype::kFp32, "lion") == 4 * 7'436'945'600 + 4 * 502'302'720LL);
}
