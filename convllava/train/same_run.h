#pragma once

#include <filesystem>

#include "convllava/config/train_config.h"
#include "convllava/text/tokenizer.h"

namespace convllava::train {

/// A folder with checkpoints is continued only by the run that wrote them: throws ConfigError naming the field
/// (config/same_run.h) in which `config`, or the tokenizer, differs from what the newest checkpoint was made with.
void require_same_run(const std::filesystem::path& run, const config::TrainConfig& config,
                      const text::Tokenizer& tokenizer);

}  // namespace convllava::train
