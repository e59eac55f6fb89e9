#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "convllava/checkpoint/retention.h"
#include "convllava/checkpoint/record.h"
#include "convllava/config/train_config.h"
#include "convllava/text/tokenizer.h"

// What a run starts from, and whether a folder holds the run that a configuration means.

namespace convllava::train {

/// Whether the run has a checkpoint of its own to go on from.
bool goes_on(const config::TrainConfig& config);

/// Where the model's shape and the tokenizer come from: the newest checkpoint of a run that goes on, which needs
/// nothing else, or else `config.model`.
config::ModelSource model_source(const config::TrainConfig& config);

/// For the record of the run's checkpoints: what `latest`, where it goes on from, says of its start, or else the
/// weights behind `source`, which it starts from now. Then a previous stage that is not finished is a warning.
/// Throws CheckpointError.
checkpoint::RunStart run_start(const config::ModelSource& source, const std::optional<checkpoint::StepDirectory>& latest);

/// Throws ConfigError: `field` is `got`, but `expected` in the run whose checkpoints the folder `run` holds.
[[noreturn]] void refuse_change(const std::string& field, const std::filesystem::path& run, const std::string& got,
                                const std::string& expected);

/// A folder with checkpoints is continued only by the run that wrote them: throws ConfigError naming the field in which
/// `config` differs from what the newest one was made with (config/same_run.h), in the weights that the run started
/// from, or in the tokenizer. Weights are the same where their digests are, wherever they lie. Where there is nothing
/// to compare, because they are gone or the checkpoint has no digest, they are the same at the same place.
void require_same_run(const config::TrainConfig& config, const text::Tokenizer& tokenizer);

}  // namespace convllava::train
