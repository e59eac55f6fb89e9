#include "convllava/parallel/level_needs.h"

#include <algorithm>

#include "convllava/nn/libtorch.h"
#include "convllava/parallel/flat_unit.h"
#include "convllava/parallel/unit_plan.h"

namespace convllava::parallel {
namespace {

/// Blocks whose weights, or gradients, are there at the same time.
constexpr size_t kAtOnce = 3;

/// The largest sum of neighbours.
int64_t largest_window(const std::vector<int64_t>& sizes) {
  int64_t most = 0;
  for (size_t i = 0; i < sizes.size(); ++i) {
    int64_t sum = 0;
    for (size_t k = i; k < std::min(sizes.size(), i + kAtOnce); ++k) sum += sizes[k];
    most = std::max(most, sum);
  }
  return most;
}

struct Sizes {
  Sizes(const std::vector<nn::Block>& blocks, int64_t ranks) : plan(blocks) {
    for (size_t i = 0; i < plan.units.size(); ++i) {
      units.push_back(padded_numel(plan.units[i].parameters, ranks));
      all += units.back();
      if (!plan.trained[i]) continue;
      trained += units.back();
      trained_units.push_back(units.back());
    }
    for (const auto& use : plan.uses) {
      block_sizes.push_back(0);
      for (const size_t unit : use.units) block_sizes.back() += units[unit];
    }
  }

  UnitPlan plan;
  int64_t all = 0;
  int64_t trained = 0;
  std::vector<int64_t> units;
  std::vector<int64_t> trained_units;
  std::vector<int64_t> block_sizes;
};

/// Bytes whose share (S - 1) / S is sent for a micro-batch.
int64_t sent_in(const Sizes& sizes, const ShardOptions& shard, int64_t weight_bytes, const MicroPlan& micro) {
  const int64_t gradient_bytes = shard.reduce_dtype == torch::kFloat ? nn::kFloatBytes : nn::kFloatBytes / 2;
  const int64_t times = shard.shard == Level::kNone ? 2 : 1;
  int64_t sent = 0;
  for (const auto& item : collective_order(sizes.plan.uses, sizes.plan.trained, shard.shard, micro)) {
    sent += item.kind == Collective::Kind::kReduce ? times * gradient_bytes * sizes.units[item.index]
                                                   : weight_bytes * sizes.block_sizes[item.index];
  }
  return sent;
}

/// Of gathered weights at the same time: those of the blocks at work, and those that forward keeps for backward.
int64_t most_gathered(const Sizes& sizes) {
  int64_t most = largest_window(sizes.block_sizes);
  for (const auto& item : collective_order(sizes.plan.uses, sizes.plan.trained, Level::kParameters, {})) {
    if (item.keep) most += sizes.block_sizes[item.index];
  }
  return most;
}

}  // namespace

LevelNeeds level_needs(const std::vector<nn::Block>& blocks, const ShardOptions& shard,
                       const LevelNeedsOptions& options) {
  const auto level = shard.shard;
  const Sizes sizes(blocks, options.ranks);
  const auto share_from = [&](Level first) { return level >= first ? options.ranks : 1; };
  LevelNeeds needs;
  needs.weights = sizes.all * options.weight_bytes / share_from(Level::kParameters);
  needs.gradients = sizes.trained * nn::kFloatBytes / share_from(Level::kGradients);
  needs.optimizer = sizes.trained * options.optimizer_bytes / share_from(Level::kOptimizer);
  if (level >= Level::kGradients) needs.passing += largest_window(sizes.trained_units) * nn::kFloatBytes;
  if (level == Level::kParameters) needs.passing += most_gathered(sizes) * options.weight_bytes;

  int64_t sent = 0;
  for (int64_t i = 0; i < options.micro_batches; ++i) {
    sent += sent_in(sizes, shard, options.weight_bytes, {.last = i + 1 == options.micro_batches});
  }
  if (level == Level::kOptimizer || level == Level::kGradients) sent += sizes.trained * options.weight_bytes;
  needs.sent = static_cast<double>(sent) * static_cast<double>(options.ranks - 1) / static_cast<double>(options.ranks);
  return needs;
}

}  // namespace convllava::parallel
