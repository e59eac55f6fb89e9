#include "convllava/parallel/unit_plan.h"

#include <algorithm>
#include <unordered_map>

#include "convllava/nn/libtorch.h"

namespace convllava::parallel {
namespace {

using UnitOf = std::unordered_map<const torch::TensorImpl*, size_t>;

/// Of the parameters that no block before has.
void add_unit(UnitPlan& plan, UnitOf& unit_of, const nn::Block& block, bool trained) {
  nn::Block unit{.name = block.name, .path = block.path, .used_once = block.used_once};
  for (const auto& [name, tensor] : block.parameters) {
    if (tensor.requires_grad() != trained) continue;
    if (unit_of.try_emplace(tensor.unsafeGetTensorImpl(), plan.units.size()).second) {
      unit.parameters.emplace_back(name, tensor);
    }
  }
  if (unit.parameters.empty()) return;
  plan.units.push_back(std::move(unit));
  plan.trained.push_back(trained);
}

}  // namespace

UnitPlan::UnitPlan(const std::vector<nn::Block>& blocks) {
  UnitOf unit_of;
  for (const auto& block : blocks) {
    for (const bool is_trained : {true, false}) add_unit(*this, unit_of, block, is_trained);
    BlockUse use{.units = {},
                 .language = block.module() == "llm",
                 .trained = block.trained(),
                 .gathered_in_backward = block.weights_in_backward};
    for (const auto& item : block.parameters) {
      const size_t unit = unit_of.at(item.second.unsafeGetTensorImpl());
      if (std::find(use.units.begin(), use.units.end(), unit) == use.units.end()) use.units.push_back(unit);
    }
    std::sort(use.units.begin(), use.units.end());
    uses.push_back(std::move(use));
  }
}

}  // namespace convllava::parallel
