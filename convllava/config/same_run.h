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

/// The first difference between the configuration that a run was started with and the one that it resumes with, among
/// the fields that are `fixed_on_resume`: those that decide its parameters and its samples. What lies behind paths,
/// weights and data, is not looked at here (train/same_run.h).
std::optional<ChangedField> changed_field(const TrainConfig& before, const TrainConfig& after);

}  // namespace convllava::config
