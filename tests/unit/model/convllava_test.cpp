#include "convllava/model/convllava.h"

#include <torch/csrc/autograd/function_hook.h>

#include <cstring>
#include <functional>

#include "tests/support/golden.h"
#include "tests/support/onednn.h"
#include "tests/support/whole_model.h"
#include "tests/unit/image/golden.h"

using namespace convllava;
using testing::golden;
using testing::relative_difference;

namespace {

/// Calls `ready` when backward has added to the parameter's gradient.
void on_gradient(const torch::Tensor& parameter, std::function<void()> ready) {
  struct Hook : torch::autograd::PostAccumulateGradHook {
    explicit Hook(std::function<void()> function) : call(std::move(function)) {}
    void operator()(const torch::autograd::Variable&) override { call(); }
    std::function<void()> call;
  };
  torch::autograd::impl::set_post_acc_grad_hooks(parameter, std::make_unique<Hook>(std::move(ready)));
}

void check_parity() {
  const auto file = golden("model/convllava.safetensors");
  model::ConvLlava model(testing::tiny_model());
  testing::load_parameters(*model, file);
  const auto batch = testing::golden_batch(file);
  const auto loss = model->loss(batch, 1.0 / static_cast<double>(batch.targets.numel()));
  CHECK(relative_difference(loss.reshape({1}), file.tensor("loss")) < 2e-6);  // measured 1e-7
  loss.backward();
  testing::check_gradients(*model, file, 2e-5);  // measured 4e-6
}

}  // namespace

TEST_CASE("splice, loss and gradients equal the reference modules joined as LLaVA joins them", "[model]") {
  check_parity();
}

TEST_CASE("splice, loss and gradients equal the reference where oneDNN multiplies", "[model]") {
  if (!testing::onednn_keeps_fp32()) SKIP(testing::kOneDnnRounds);
  const testing::OneDnnProducts products;
  check_parity();
}

TEST_CASE("backward completes the parameter blocks from the last to the first", "[model]") {
  const auto file = golden("model/convllava.safetensors");
  model::ConvLlava model(testing::tiny_model());
  testing::load_parameters(*model, file);
  if (GENERATE(false, true)) model->set_recompute({"vision"});
  const auto blocks = model->blocks();
  std::vector<size_t> missing;
  std::vector<std::string> completed, expected;
  for (size_t i = 0; i < blocks.size(); ++i) {
    missing.push_back(blocks[i].parameters.size());
    expected.insert(expected.begin(), blocks[i].name);
    for (const auto& item : blocks[i].parameters) {
      on_gradient(item.second, [&, i] {
        if (--missing[i] == 0) completed.push_back(blocks[i].name);
      });
    }
  }
  // The embedding's gradient too: nothing that waits for it waits for the tower's backward.
  model->loss(testing::golden_batch(file), 1.0).backward();
  CHECK(completed == expected);
}

TEST_CASE("a batch without images does not run the tower", "[model]") {
  const auto file = golden("model/convllava.safetensors");
  model::ConvLlava model(testing::tiny_model());
  testing::load_parameters(*model, file);
  model::Batch batch;
  batch.input_ids = torch::tensor({1, 5, 9, 11}, torch::kLong);
  batch.position_ids = torch::arange(4);
  batch.cu_seqlens = {0, 4};
  batch.target_rows = torch::tensor({1, 2}, torch::kLong);
  batch.targets = torch::tensor({9, 11}, torch::kLong);
  model->loss(batch, 0.5).backward();
  for (const auto& item : model->named_parameters()) {
    INFO(item.key());
    CHECK(item.value().grad().defined() == (item.key().rfind("llm.", 0) == 0));
  }
}

TEST_CASE("pixels are normalised to the bits of numpy, for every byte and channel", "[model]") {
  std::vector<uint32_t> expected;
  for (auto& line : testing::golden_lines("normalize.txt")) {
    for (uint32_t bits; line >> std::hex >> bits;) expected.push_back(bits);
  }
  REQUIRE(expected.size() == 256 * 3);
  const auto pixels = torch::arange(256, torch::kByte).reshape({1, 16, 16, 1}).expand({1, 16, 16, 3});
  const auto actual =
      model::normalize_pixels(pixels, image::kClipPixels, torch::kFloat).permute({0, 2, 3, 1}).contiguous();
  CHECK(std::memcmp(actual.data_ptr<float>(), expected.data(), expected.size() * sizeof(float)) == 0);
}

TEST_CASE("parameter blocks cover every parameter exactly once", "[model]") {
  model::ConvLlava model(testing::tiny_model(), torch::kMeta);
  std::set<std::string> seen;
  for (const auto& block : model->blocks()) {
    for (const auto& [name, parameter] : block.parameters) CHECK(seen.insert(name).second);
  }
  CHECK(seen.size() == model->named_parameters().size());
  for (const auto& item : model->named_parameters()) CHECK(seen.count(item.key()) == 1);
}

TEST_CASE("only blocks of the language model are used once in a micro-batch, and no tied embedding", "[model]") {
  auto config = testing::tiny_model();
  config.llm.tie_word_embeddings = GENERATE(false, true);
  for (const auto& block : model::ConvLlava(config, torch::kMeta)->blocks()) {
    INFO(block.name);
    const bool language = block.name.rfind("llm.", 0) == 0;
    const bool tied = config.llm.tie_word_embeddings && block.path == "llm.embed_tokens";
    CHECK(block.used_once == (language && !tied));
  }
}

TEST_CASE("the paper's model has the paper's parameter counts", "[model]") {
  model::ConvLlava model(model::named_model_config("convllava-7b"), torch::kMeta);
  const auto count = [](const torch::nn::Module& module) {
    int64_t total = 0;
    for (const auto& parameter : module.parameters()) total += parameter.numel();
    return total;
  };
  CHECK(count(*model->vision_tower) == 669'161'664);
  CHECK(model->vision_tower->parameters().size() == 398);
  CHECK(count(*model->mm_projector) == 29'368'320);
  CHECK(count(*model->llm) == 6'738'415'616);
  CHECK(count(*model) == 7'436'945'600);
}
