#include "convllava/config/checkpoint_record.h"

#include "convllava/config/shared_fields.h"

namespace convllava::config {

void StartWeights::visit_fields(FieldVisitor& visitor) {
  visitor.path("checkpoint", checkpoint, "Folder of the weights.");
  visitor.field("digest", digest, "Digest of their contents.");
}

void RunStart::visit_fields(FieldVisitor& visitor) {
  visitor.section("from", from, "Behind `model.from`.");
  visitor.section("vision_from", vision_from, "Behind `model.vision_from`.");
  visitor.section("llm_from", llm_from, "Behind `model.llm_from`.");
}

void CheckpointRecord::visit_fields(FieldVisitor& visitor) {
  visitor.field("format", format, "Version of this file's layout.", {1, 1});
  visitor.field("written_by", written_by, "Program and version that wrote the checkpoint.");
  visit_template(visitor, prompt_template);
  visit_image(visitor, image);
  visitor.field("max_length", max_length, "Longest sample in training, in tokens, visual ones included.", kPositive);
  visitor.field("step", step, "Optimizer steps taken by the run that wrote the checkpoint.", kNonNegative);
  visitor.field("total_steps", total_steps, "Steps of that run when it is complete; 0: not known.", kNonNegative);
  visitor.section("started_from", started_from, "The weights that it started from.");
  visitor.section("config", config, "The complete configuration of that run.");
}

}  // namespace convllava::config
