#pragma once

#include <cstdint>

#include "convllava/config/fields.h"

namespace convllava::distributed {

/// How long the ranks of a run wait for each other (section `parallel`).
struct TimeoutOptions {
  int64_t silence_seconds = 30;
  void visit_fields(config::FieldVisitor& visitor);
};

}  // namespace convllava::distributed
