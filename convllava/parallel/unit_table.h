#pragma once

// Internal: the units of a model's blocks (unit_plan.h), with their memory.

#include <deque>
#include <string>
#include <unordered_map>
#include <vector>

#include "convllava/nn/block.h"
#include "convllava/parallel/collective_order.h"
#include "convllava/parallel/flat_unit.h"

namespace convllava::parallel {

class UnitTable {
 public:
  UnitTable(const std::vector<nn::Block>& blocks, const Placement& placement, const torch::Device& device);

  /// Number of a block. Throws c10::Error for one that is not in the table.
  size_t number_of(const nn::Block& block) const;

  std::deque<FlatUnit> units;
  std::vector<bool> trained;   ///< per unit
  std::vector<BlockUse> uses;  ///< per block

 private:
  std::unordered_map<std::string, size_t> numbers_;
};

}  // namespace convllava::parallel
