#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "convllava/checkpoint/record.h"
#include "convllava/checkpoint/run_folder.h"
#include "convllava/config/diff.h"
#include "convllava/data/data_identity.h"
#include "convllava/stage/run_config.h"
#include "convllava/text/tokenizer.h"

// What a run starts from, and whether a folder holds the run that a configuration means.

namespace convllava::stage {

/// Whether the run has a checkpoint to resume from.
bool can_resume(const RunConfig& config);

/// Where the model's shape and the tokenizer come from: the newest checkpoint of a run that is resumed, which needs
/// nothing else, or else `config.model`.
setup::ModelSource model_source(const RunConfig& config);

/// For the record of the run's checkpoints: the start that `latest`, the checkpoint it is resumed from, records, or
/// else the weights behind `source`, which it starts from now. Then a previous stage that is not finished is a warning.
/// Throws CheckpointError.
checkpoint::RunStart run_start(const setup::ModelSource& source,
                               const std::optional<checkpoint::StepDirectory>& latest);

/// Throws ConfigError: `field` is `got`, but `expected` in the run whose checkpoints the folder `run` holds.
[[noreturn]] void refuse_change(const std::string& field, const std::filesystem::path& run, const std::string& got,
                                const std::string& expected);

/// A folder with checkpoints is continued only by the run that wrote them: throws ConfigError naming the field in which
/// `config` differs from what the newest one was made with (`changed_field`), in the weights that the run started
/// from, or in the tokenizer. Weights are the same where their digests are, wherever they lie. Where there is nothing
/// to compare, because they are gone or the checkpoint has no digest, they are the same at the same place.
void require_same_run(const RunConfig& config, const text::Tokenizer& tokenizer);

/// The first field, among those that are fixed on resume (config/fields.h), in which the configuration of a run differs
/// from the one that it was started with: those that decide its parameters and its samples. What lies behind paths,
/// weights and data, is not looked at.
std::optional<config::ChangedField> changed_field(const RunConfig& before, const RunConfig& after);

/// Compares the data with what a checkpoint of the run says of them (data/data_identity.h). Throws ConfigError naming
/// the set that differs; where the checkpoint cannot tell, a warning says so.
void require_same_data(const std::filesystem::path& run, const std::string& saved, const data::DataIdentity& data);

}  // namespace convllava::stage
