#pragma once

// Internal: how a model's blocks are divided into units. Nothing is allocated.

#include <vector>

#include "convllava/nn/block.h"
#include "convllava/parallel/collective_order.h"

namespace convllava::parallel {

/// A unit for the trainable and one for the frozen parameters of each block. A parameter of several blocks (tied
/// weights) is in the unit of the first, and the others use that.
struct UnitPlan {
  explicit UnitPlan(const std::vector<nn::Block>& blocks);

  std::vector<nn::Block> units;  ///< the block of each unit, with the unit's parameters only
  std::vector<bool> trained;     ///< per unit
  std::vector<BlockUse> uses;    ///< per block
};

}  // namespace convllava::parallel
