#include "convllava/train/checkpointer.h"

namespace convllava::train {

void CheckpointOptions::visit_fields(config::FieldVisitor& visitor) {
  visitor.field("every_steps", every_steps, "Optimizer steps between checkpoints; 0 does not count steps.",
                config::kStepsOrNone);
  visitor.field("every_minutes", every_minutes,
                "Minutes between checkpoints; 0 does not watch the clock. There is always one at the end.", {0, 1e6});
  visitor.field("keep_last", keep_last, "Checkpoints to keep; older ones are deleted.", config::kCount);
}

}  // namespace convllava::train
