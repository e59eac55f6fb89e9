#include "convllava/train/memory_needs.h"

#include <fmt/format.h>

#include <algorithm>

#include "convllava/nn/libtorch.h"

namespace convllava::train {
namespace {

constexpr int64_t kWide = 4;  ///< bytes of a float
constexpr int64_t kHeadChunk = int64_t{128} << 20;

int64_t bytes_of(hardware::Dtype dtype) { return dtype == hardware::Dtype::kBf16 ? 2 : 4; }

/// Of each trained parameter: the optimizer's states, and fp32 master weights beside bf16.
int64_t optimizer_bytes(const RunConfig& config) {
  const auto moments = static_cast<int64_t>(optim::make_rule(config.train)->moments().size());
  return moments * kWide + (config.dtype == hardware::Dtype::kBf16 ? kWide : 0);
}

bool recomputes(const RunConfig& config, const char* part) {
  const auto& parts = config.train.recompute;
  return std::find(parts.begin(), parts.end(), part) != parts.end();
}

struct Counts {
  int64_t all = 0;
  int64_t trained = 0;
};

Counts count(const torch::nn::Module& module) {
  Counts counts;
  for (const auto& parameter : module.parameters()) {
    counts.all += parameter.numel();
    counts.trained += parameter.requires_grad() ? parameter.numel() : 0;
  }
  return counts;
}

bool is_trained(const torch::nn::Module& module) { return count(module).trained > 0; }

/// Adds up what a pass through the model keeps, block by block in the order of forward.
class Activations {
 public:
  Activations(const model::ConvLlavaImpl& model, const RunConfig& config, const MicroBatchShape& batch)
      : config_(config), batch_(batch), bytes_(bytes_of(config.dtype)) {
    if (!model.vision_tower.is_empty()) add_vision(model);
    add_llm(*model.llm);
  }

  int64_t kept() const { return kept_; }
  int64_t workspace() const { return std::max(kept_ + llm_workspace_, kept_by_vision_ + vision_workspace_) - kept_; }

 private:
  /// Whether autograd records this block: it is trained, or one before it is.
  bool records(const torch::nn::Module& block) {
    recording_ = recording_ || is_trained(block);
    return recording_;
  }

  void add_block(int64_t whole, int64_t input, bool recomputed, int64_t& workspace) {
    kept_ += recomputed ? input : whole;
    workspace = std::max(workspace, whole / 2 + (recomputed ? whole : 0));
  }

  int64_t pixel_bytes() const { return batch_.pictures * 3 * batch_.image_size * batch_.image_size * bytes_; }

  void add_vision(const model::ConvLlavaImpl& model) {
    const auto& tower = *model.vision_tower;
    const auto& vision = tower.config();
    int64_t stride = vision.patch_size;
    const auto positions = [&] {
      const int64_t side = batch_.image_size / stride;
      return batch_.pictures * side * side;
    };
    if (records(*tower.patch_embeddings) || records(*tower.stem_norm)) {
      kept_ += pixel_bytes();
      kept_ += positions() * (vision.hidden_sizes[0] * bytes_ + 2 * kWide);
    }
    const bool recomputed = recomputes(config_, "vision");
    for (size_t index = 0; index < tower.stages->size(); ++index) {
      const auto& stage = *tower.stages->ptr(index)->as<model::ConvNextStageImpl>();
      if (index > 0) {
        const int64_t before = vision.hidden_sizes[index - 1];
        if (records(*stage.downsampling_layer)) kept_ += positions() * (2 * before * bytes_ + 2 * kWide);
        stride *= 2;
      }
      const int64_t channels = vision.hidden_sizes[index];
      const int64_t whole = positions() * (12 * channels * bytes_ + 2 * kWide);
      for (const auto& layer : *stage.layers) {
        if (records(*layer)) {
          add_block(whole, positions() * channels * bytes_, recomputed, vision_workspace_);
        } else {
          vision_workspace_ = std::max(vision_workspace_, pixel_bytes() + positions() * 6 * channels * bytes_);
        }
      }
    }
    const int64_t inputs = vision.hidden_sizes.back() + 2 * model.config().llm.hidden_size;
    if (records(*model.mm_projector)) kept_ += positions() * inputs * bytes_;
    kept_by_vision_ = kept_;
  }

  void add_llm(const model::LlamaImpl& llm) {
    const auto& shape = llm.config();
    const int64_t hidden = shape.hidden_size;
    const int64_t keys = shape.num_key_value_heads * shape.head_dim();
    const int64_t inner = shape.intermediate_size;
    const bool recomputed = recomputes(config_, "llm");
    records(*llm.embed_tokens);
    for (const auto& layer : *llm.layers) {
      if (!records(*layer)) continue;
      int64_t numbers = 4 * hidden + 2 * keys + 3 * inner;
      if (is_trained(*layer)) numbers += 2 * hidden + inner;
      const int64_t whole = batch_.tokens * (numbers * bytes_ + (2 + shape.num_attention_heads) * kWide);
      add_block(whole, batch_.tokens * hidden * bytes_, recomputed, llm_workspace_);
    }
    const bool head_trained = llm.head_weight().requires_grad();
    if (!recording_ && !head_trained) return;
    kept_ += batch_.tokens * (2 * hidden * bytes_ + kWide);
    const int64_t chunk = std::min(kHeadChunk, batch_.tokens * shape.vocab_size * kWide);
    const int64_t gradient = head_trained ? llm.head_weight().numel() * kWide : 0;
    llm_workspace_ = std::max(llm_workspace_, gradient + 2 * chunk + 2 * chunk * bytes_ / kWide);
  }

  const RunConfig& config_;
  const MicroBatchShape& batch_;
  int64_t bytes_;
  bool recording_ = false;
  int64_t kept_ = 0;
  int64_t kept_by_vision_ = 0;
  int64_t vision_workspace_ = 0;
  int64_t llm_workspace_ = 0;
};

std::string size_text(int64_t bytes) {
  const auto value = static_cast<double>(bytes);
  return bytes < 1'000'000'000 ? fmt::format("{:.0f} MB", value / 1e6) : fmt::format("{:.1f} GB", value / 1e9);
}

}  // namespace

MemoryNeeds memory_needs(const model::ConvLlavaImpl& model, const RunConfig& config, const MicroBatchShape& batch) {
  const Counts parameters = count(model);
  const Activations activations(model, config, batch);
  return {.weights = parameters.all * bytes_of(config.dtype),
          .gradients = parameters.trained * kWide,
          .optimizer = parameters.trained * optimizer_bytes(config),
          .activations = activations.kept(),
          .workspace = activations.workspace()};
}

int64_t checkpoint_bytes(const model::ConvLlavaImpl& model, const RunConfig& config) {
  const Counts parameters = count(model);
  return parameters.all * bytes_of(config.dtype) + parameters.trained * optimizer_bytes(config);
}

int64_t loader_bytes(const RunConfig& config) {
  return (config.data.prefetch_steps + 1) * config.train.global_batch_size * 3 * config.image.size * config.image.size;
}

std::string needs_table(const model::ConvLlavaImpl& model, const RunConfig& config) {
  const int64_t samples = config.train.micro_batch_size;
  const int64_t size = config.image.size;
  const int64_t most = config.data.max_length;
  const int64_t typical = std::min(most, model.config().vision.num_tokens(size, size) + kTypicalText);
  const auto needs = [&](int64_t tokens) { return memory_needs(model, config, {samples * tokens, samples, size}); };
  const auto row = [&](const MemoryNeeds& memory, int64_t tokens, std::string_view why) {
    return fmt::format("  {:<10} states + {} for {} samples of {} tokens{}\n", size_text(memory.total()),
                       size_text(memory.activations + memory.workspace), samples, tokens, why);
  };
  const auto states = needs(typical);
  std::string text = "memory of each rank by formula, 1 to 3 GB for CUDA and NCCL aside\n";
  text += fmt::format("  {:<10} states = weights {} + gradients {} + optimizer {}\n", size_text(states.states()),
                      size_text(states.weights), size_text(states.gradients), size_text(states.optimizer));
  text += row(states, typical, fmt::format(": a square picture and at most {} of text", kTypicalText));
  text += row(needs(most), most, " (data.max_length): the worst case");
  text += fmt::format("  {:<10} on the host: pictures that the loader has prepared, all ranks together\n",
                      size_text(loader_bytes(config)));
  const int64_t checkpoint = checkpoint_bytes(model, config);
  const int64_t kept = config.checkpoint.keep_last;
  return text + fmt::format("disk\n  {:<10} for {} checkpoints of {}, and one more while it is written\n",
                            size_text((kept + 1) * checkpoint), kept, size_text(checkpoint));
}

}  // namespace convllava::train
