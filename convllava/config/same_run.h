#pragma once

#include <optional>
#include <string>

#include "convllava/config/train_config.h"

namespace convllava::config {

/// A field that a run cannot change when it goes on.
struct ChangedField {
  std::string path;  ///< "model.from"
  std::string before;
  std::string after;
};

/// The first difference between the configuration that a run was started with and the one that it is to go on with, in
/// what decides its parameters and its samples: the model's shape, `trainable`, `dtype`, `seed`, pictures, templates,
/// lengths, grouping, the global batch. Learning rates, reports and the end of the run may change. What lies behind
/// paths, weights and data, is not looked at here (train/same_run.h).
std::optional<ChangedField> changed_field(const TrainConfig& before, const TrainConfig& after);

}  // namespace convllava::config
