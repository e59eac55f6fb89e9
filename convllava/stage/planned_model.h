#pragma once

#include <optional>

#include "convllava/model/convllava.h"
#include "convllava/stage/check_config.h"
#include "convllava/text/tokenizer.h"

// What a stage would train, before anything is allocated.

namespace convllava::stage {

struct PlannedModel {
  model::ModelConfig shape;
  std::optional<text::Tokenizer> tokenizer;  ///< none where its file does not exist yet
  model::ConvLlava outline;                  ///< on the meta device, with its trainable set
};

/// Everything that can be wrong with a stage's model; `train` and `inspect` ask this one function. Throws ConfigError
/// for a tokenizer, samples or images that do not fit the model and for a pattern of `trainable` that matches
/// nothing, CheckpointError for a checkpoint of other shapes. With `kMayBeAbsent` a previous stage or tokenizer that
/// does not exist yet is skipped, with the checks that need it.
PlannedModel plan_model(const RunConfig& config, Paths paths);

}  // namespace convllava::stage
