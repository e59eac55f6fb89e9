#pragma once

#include <torch/types.h>

#include <string>
#include <utility>
#include <vector>

#include "convllava/config/fields.h"

namespace convllava::parallel {

/// What each rank has only a share of, instead of all: every level includes those before it (ZeRO, Rajbhandari et al.
/// 2020, stages 1 to 3). docs/distributed.md says what each costs.
enum class Level { kNone, kOptimizer, kGradients, kParameters };

inline const std::vector<std::pair<std::string, Level>> kLevelNames = {{"none", Level::kNone},
                                                                       {"optimizer", Level::kOptimizer},
                                                                       {"gradients", Level::kGradients},
                                                                       {"parameters", Level::kParameters}};

/// How ranks divide the states of a training run among themselves (section `parallel`).
struct ShardOptions {
  Level shard = Level::kNone;
  torch::ScalarType reduce_dtype = torch::kFloat;  ///< float32 or bfloat16
  void visit_fields(config::FieldVisitor& visitor);
};

}  // namespace convllava::parallel
