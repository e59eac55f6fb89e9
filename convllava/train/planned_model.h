#pragma once

#include <optional>

#include "convllava/model/convllava.h"
#include "convllava/text/tokenizer.h"
#include "convllava/train/check_config.h"

// What a stage would train, before anything is allocated.

namespace convllava::train {

struct PlannedModel {
  model::ModelConfig shape;
  std::optional<text::Tokenizer> tokenizer;  ///< none where it is not there (yet)
  model::ConvLlava outline;                  ///< on the meta device, with its trainable set
};

/// Everything that can be wrong with a stage's model; `train` and `inspect` ask this one function. Throws ConfigError
/// for a tokenizer, samples or pictures that do not fit the model and for a pattern of `trainable` that matches
/// nothing, CheckpointError for a checkpoint of other shapes. With `kMayBeAbsent` a previous stage or tokenizer that
/// does not exist yet is left out, and what would be compared with it is not checked.
PlannedModel plan_model(const RunConfig& config, Paths paths);

}  // namespace convllava::train
