#pragma once

#include <filesystem>
#include <vector>

#include "convllava/eval/benchmark.h"

// The output folder of an evaluation.

namespace convllava::eval {

/// Creates the folder and its parents. Throws ConfigError with the reason when this fails or it is not writable.
void make_output_folder(const std::filesystem::path& folder);

/// Creates the folder and writes scores.json, {"accuracy": 71.5, ...}, in the order of the scores. Returns its path.
/// Throws ConfigError for the folder, CheckpointError when the disk is full.
std::filesystem::path write_scores(const std::filesystem::path& folder, const std::vector<Score>& scores);

}  // namespace convllava::eval
