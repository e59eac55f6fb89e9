#pragma once

// `convllava.yaml` of a checkpoint: what a later stage, `eval` and `chat` must know beside the weights.

#include <cstdint>
#include <string>

#include "convllava/config/fields.h"
#include "convllava/config/train_config.h"

namespace convllava::config {

/// Weights that a run started from.
struct StartWeights {
  std::string checkpoint;  ///< their folder, absolute, of a run the checkpoint in it; "" when there were none
  std::string digest;      ///< checkpoint::weights_digest
  void visit_fields(FieldVisitor& visitor);
};

/// What stood behind `model.from`, `vision_from` and `llm_from` when a run took its first step.
struct RunStart {
  StartWeights from;
  StartWeights vision_from;
  StartWeights llm_from;
  void visit_fields(FieldVisitor& visitor);
};

struct CheckpointRecord {
  int64_t format = 1;
  std::string written_by;  ///< "convllava 0.1.0"
  text::Template prompt_template = text::Template::kV1;
  image::PreprocessOptions image;
  int64_t max_length = 2048;
  int64_t step = 0;
  int64_t total_steps = 0;  ///< of the whole run; 0 in records of versions that did not write it
  RunStart started_from;    ///< empty in those
  TrainConfig config;       ///< the resolved configuration of the run that wrote it
  void visit_fields(FieldVisitor& visitor);
};

}  // namespace convllava::config
