#pragma once

#include <map>
#include <string>

#include "convllava/config/fields.h"

// Learning rate and weight decay of groups of parameters: those of one module, with or without decay
// (nn/weight_decay.h).

namespace convllava::optim {

struct Rates {
  double lr = 0;
  double weight_decay = 0;
};

/// The peaks of the run, by module: vision, projector, llm (section `train`).
struct GroupOptions {
  double lr = 2e-5;
  std::map<std::string, double> lr_per_module;
  double weight_decay = 0.0;
  std::map<std::string, double> weight_decay_per_module;

  /// Of the decaying parameters of a module, at the schedule's peak.
  Rates peak(const std::string& module) const;
  void visit_fields(config::FieldVisitor& visitor);
};

}  // namespace convllava::optim
