#pragma once

#include <cstdint>

#include "convllava/config/fields.h"

namespace convllava::train {

/// When to save, and how much to keep (section `checkpoint`).
struct CheckpointOptions {
  int64_t every_steps = 0;      ///< 0: not by steps
  double every_minutes = 30.0;  ///< 0: not by time
  int64_t keep_last = 2;
  void visit_fields(config::FieldVisitor& visitor);
};

}  // namespace convllava::train
