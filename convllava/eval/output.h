#pragma once

#include <filesystem>
#include <vector>

#include "convllava/eval/benchmark.h"

// The folder that an evaluation writes into.

namespace convllava::eval {

/// Makes the folder with those above it. Throws ConfigError with the reason when it cannot be made or written into.
void make_output_folder(const std::filesystem::path& folder);

/// Makes the folder and writes scores.json, {"accuracy": 71.5, ...}, in the order of the scores. Returns its path.
/// Throws ConfigError for the folder, CheckpointError when the disk is full.
std::filesystem::path write_scores(const std::filesystem::path& folder, const std::vector<Score>& scores);

}  // namespace convllava::eval
