#include "convllava/config/checkpoint_record.h"

#include "convllava/config/shared_fields.h"

namespace convllava::config {

void CheckpointRecord::visit_fields(FieldVisitor& visitor) {
  visitor.field("format", format, "Version of this file's layout.", {1, 1});
  visitor.field("written_by", written_by, "Program and version that wrote the checkpoint.");
  visit_template(visitor, prompt_template);
  visit_image(visitor, image);
  visitor.field("max_length", max_length, "Longest sample in training, in tokens, visual ones included.", kPositive);
  visitor.field("step", step, "Optimizer steps taken by the run that wrote the checkpoint.", kNonNegative);
  visitor.section("config", config, "The complete configuration of that run.");
}

}  // namespace convllava::config
