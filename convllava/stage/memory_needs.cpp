#include "convllava/stage/memory_needs.h"

#include <fmt/format.h>

#include <algorithm>

#include "convllava/data/sampler.h"
#include "convllava/nn/libtorch.h"
#include "convllava/parallel/level_needs.h"

namespace convllava::stage {
namespace {

int64_t bytes_of(hardware::Dtype dtype) { return dtype == hardware::Dtype::kBf16 ? 2 : 4; }

/// Of each trained parameter: the optimizer's states, and fp32 master weights beside bf16.
int64_t optimizer_bytes(const RunConfig& config) {
  const auto moments = static_cast<int64_t>(optim::make_rule(config.train)->moments().size());
  return moments * nn::kFloatBytes + (config.dtype == hardware::Dtype::kBf16 ? nn::kFloatBytes : 0);
}

nn::BatchShape shape_of(const model::ConvLlavaImpl& model, const MicroBatchShape& batch) {
  const int64_t side = batch.image_size;
  return {.tokens = batch.tokens,
          .visual_tokens = batch.images * model.config().tower().num_tokens(side, side),
          .supervised_tokens = batch.tokens,
          .sequences = {batch.tokens},
          .images = {{side, side, batch.images}}};
}

struct Activations {
  int64_t kept = 0;
  int64_t peak = 0;  ///< with the temporary memory of one block
};

/// The blocks in front of the language model have their backward pass when the language model keeps nothing.
Activations activations(const std::vector<nn::Block>& blocks, const nn::BatchShape& batch, int64_t bytes) {
  int64_t kept = 0;
  int64_t kept_in_front = 0;
  int64_t workspace_in_front = 0;
  int64_t workspace_of_language = 0;
  bool recording = false;
  for (const auto& block : blocks) {
    recording = recording || block.trained();
    if (!block.cost) continue;
    const auto cost = block.cost(batch, bytes);
    int64_t workspace = cost.forward_workspace;
    if (recording) {
      kept += block.recomputed ? cost.input : cost.kept;
      workspace = cost.backward_workspace + (block.recomputed ? cost.kept : 0);
    }
    const bool language = block.module() == "llm";
    if (!language) kept_in_front = kept;
    auto& most = language ? workspace_of_language : workspace_in_front;
    most = std::max(most, workspace);
  }
  return {kept, std::max(kept + workspace_of_language, kept_in_front + workspace_in_front)};
}

std::string size_text(int64_t bytes) {
  const auto value = static_cast<double>(bytes);
  return bytes < 1'000'000'000 ? fmt::format("{:.0f} MB", value / 1e6) : fmt::format("{:.1f} GB", value / 1e9);
}

}  // namespace

MemoryNeeds memory_needs(const model::ConvLlavaImpl& model, const RunConfig& config, const MicroBatchShape& batch) {
  const auto parameters = nn::count_parameters(model);
  const int64_t bytes = bytes_of(config.dtype);
  const auto needed = activations(model.blocks(), shape_of(model, batch), bytes);
  return {.weights = parameters.all * bytes,
          .gradients = parameters.trained * nn::kFloatBytes,
          .optimizer = parameters.trained * optimizer_bytes(config),
          .activations = needed.kept,
          .workspace = needed.peak - needed.kept};
}

int64_t checkpoint_bytes(const model::ConvLlavaImpl& model, const RunConfig& config) {
  const auto parameters = nn::count_parameters(model);
  return parameters.all * bytes_of(config.dtype) + parameters.trained * optimizer_bytes(config);
}

int64_t loader_bytes(const RunConfig& config) {
  return (config.data.prefetch_steps + 1) * config.train.global_batch_size * 3 * config.image.size * config.image.size;
}

namespace {

/// Of a run with so many ranks.
parallel::LevelNeedsOptions level_options(const RunConfig& config, int64_t ranks) {
  return {.ranks = ranks,
          .micro_batches = data::micro_batches(config.train.global_batch_size, config.train.micro_batch_size,
                                               static_cast<int>(ranks)),
          .weight_bytes = bytes_of(config.dtype),
          .optimizer_bytes = optimizer_bytes(config)};
}

}  // namespace

std::string levels_table(const model::ConvLlavaImpl& model, const RunConfig& config, int64_t ranks) {
  const auto options = level_options(config, ranks);
  std::string text =
      fmt::format("states by parallel.shard, and what each of {} ranks sends in a step of {} micro-batches\n", ranks,
                  options.micro_batches);
  text += fmt::format("  {:<11}{:>10}{:>11}{:>11}{:>11}{:>11}{:>11}\n", "level", "weights", "gradients", "optimizer",
                      "passing", "together", "sent");
  for (const auto& [name, level] : parallel::kLevelNames) {
    const auto needs = parallel::level_needs(model.blocks(), {level, config.parallel.reduce_dtype}, options);
    text += fmt::format("  {:<11}{:>10}{:>11}{:>11}{:>11}{:>11}{:>11}\n", name, size_text(needs.weights),
                        size_text(needs.gradients), size_text(needs.optimizer), size_text(needs.passing),
                        size_text(needs.total()), size_text(static_cast<int64_t>(needs.sent)));
  }
  return text;
}

std::string needs_table(const model::ConvLlavaImpl& model, const RunConfig& config, int64_t ranks) {
  const int64_t samples = config.train.micro_batch_size;
  const int64_t size = config.image.size;
  const int64_t most = config.data.max_length;
  const int64_t typical = std::min(most, model.config().tower().num_tokens(size, size) + kTypicalText);
  const auto states = parallel::level_needs(model.blocks(), config.parallel, level_options(config, ranks));
  const auto row = [&](int64_t tokens, std::string_view why) {
    const auto needs = memory_needs(model, config, {samples * tokens, samples, size});
    const int64_t batch = needs.activations + needs.workspace;
    return fmt::format("  {:<10} states + {} for {} samples of {} tokens{}\n", size_text(states.total() + batch),
                       size_text(batch), samples, tokens, why);
  };
  std::string text = fmt::format(
      "memory of a rank at parallel.shard {} and world size {}, by formula; 1 to 3 GB for CUDA and NCCL aside\n",
      parallel::kLevelNames[static_cast<size_t>(config.parallel.shard)].first, ranks);
  text += fmt::format("  {:<10} states = weights {} + gradients {} + optimizer {}{}\n", size_text(states.total()),
                      size_text(states.weights), size_text(states.gradients), size_text(states.optimizer),
                      states.passing > 0 ? " + what passes " + size_text(states.passing) : "");
  text += row(typical, fmt::format(": a square image and at most {} of text", kTypicalText));
  text += row(most, " (data.max_length): the worst case");
  text += fmt::format("  {:<10} on the host: images that the loader has prepared, all ranks together\n",
                      size_text(loader_bytes(config)));
  const int64_t checkpoint = checkpoint_bytes(model, config);
  const int64_t kept = config.checkpoint.keep_last;
  return text + fmt::format("disk\n  {:<10} for {} checkpoints of {}, and one more while it is written\n",
                            size_text((kept + 1) * checkpoint), kept, size_text(checkpoint));
}

}  // namespace convllava::stage
