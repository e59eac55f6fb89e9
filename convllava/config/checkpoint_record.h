#pragma once

// `convllava.yaml` of a checkpoint: what a later stage, `eval` and `chat` must know beside the weights.

#include <cstdint>
#include <string>

#include "convllava/config/fields.h"
#include "convllava/config/train_config.h"

namespace convllava::config {

struct CheckpointRecord {
  int64_t format = 1;
  std::string written_by;  ///< "convllava 0.1.0"
  text::Template prompt_template = text::Template::kV1;
  image::PreprocessOptions image;
  int64_t max_length = 2048;
  int64_t step = 0;
  TrainConfig config;  ///< the resolved configuration of the run that wrote it
  void visit_fields(FieldVisitor& visitor);
};

}  // namespace convllava::config
