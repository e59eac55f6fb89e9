#include "convllava/optim/groups.h"

namespace convllava::optim {
namespace {

double value_or(const std::map<std::string, double>& values, const std::string& key, double fallback) {
  const auto found = values.find(key);
  return found == values.end() ? fallback : found->second;
}

}  // namespace

Rates GroupOptions::peak(const std::string& module) const {
  return {value_or(lr_per_module, module, lr), value_or(weight_decay_per_module, module, weight_decay)};
}

void GroupOptions::visit_fields(config::FieldVisitor& visitor) {
  visitor.field("lr", lr, "Highest learning rate, reached after the warm-up.", {0, 1});
  visitor.field("lr_per_module", lr_per_module,
                "Highest learning rate of `vision`, `projector` or `llm` where it differs from `train.lr`.", {0, 1});
  visitor.field("weight_decay", weight_decay,
                "Decoupled decay of matrices and convolutions; norms, biases and layer scales never decay.", {0, 1});
  visitor.field("weight_decay_per_module", weight_decay_per_module,
                "Decay of `vision`, `projector` or `llm` where it differs from `train.weight_decay`.", {0, 1});
}

}  // namespace convllava::optim
