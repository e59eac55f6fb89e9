#pragma once

#include <cstdint>
#include <vector>

#include "convllava/nn/block.h"
#include "convllava/parallel/shard_options.h"

namespace convllava::parallel {

/// What one of several ranks holds of a model's parameters and sends, by arithmetic on its blocks, which may be on the
/// meta device. Bytes; the tests compare them with an engine's.
///
/// With T trained and F frozen parameters (padded: flat_unit.h), b bytes a weight, o bytes of optimizer states a
/// trained parameter, S ranks:
///
/// | level      | weights     | gradients | optimizer | sent in a step of m micro-batches, times (S - 1) / S |
/// | none       | b (T + F)   | 4 T       | o T       | 8 T                                                |
/// | optimizer  | b (T + F)   | 4 T       | o T / S   | 4 T + b T                                          |
/// | gradients  | b (T + F)   | 4 T / S   | o T / S   | 4 T m + b T                                        |
/// | parameters | b (T + F)/S | 4 T / S   | o T / S   | 4 T m + b m (gathers of forward and of backward)   |
struct LevelNeeds {
  int64_t weights = 0;
  int64_t gradients = 0;
  int64_t optimizer = 0;
  /// At most, of what comes and goes: gradients from backward to their reduction, gathered weights of the blocks at
  /// work.
  int64_t passing = 0;
  double sent = 0;  ///< by each rank in a step whose micro-batches all have images; sums of a few numbers aside

  int64_t total() const { return weights + gradients + optimizer + passing; }
};

struct LevelNeedsOptions {
  int64_t ranks = 1;
  int64_t micro_batches = 1;     ///< of a step and rank
  int64_t weight_bytes = 2;      ///< b
  int64_t optimizer_bytes = 12;  ///< o
};

LevelNeeds level_needs(const std::vector<nn::Block>& blocks, const ShardOptions& shard,
                       const LevelNeedsOptions& options);

}  // namespace convllava::parallel
