#include "convllava/parallel/unit_table.h"

#include "convllava/nn/libtorch.h"
#include "convllava/parallel/unit_plan.h"

namespace convllava::parallel {

UnitTable::UnitTable(const std::vector<nn::Block>& blocks, const Placement& placement, const torch::Device& device) {
  UnitPlan plan(blocks);
  for (const auto& unit : plan.units) units.emplace_back(unit, placement, device);
  trained = std::move(plan.trained);
  uses = std::move(plan.uses);
  for (size_t i = 0; i < blocks.size(); ++i) numbers_[blocks[i].name] = i;
}

size_t UnitTable::number_of(const nn::Block& block) const {
  const auto found = numbers_.find(block.name);
  TORCH_CHECK(found != numbers_.end(), "block ", block.name, " is not one of the engine's");
  return found->second;
}

}  // namespace convllava::parallel
