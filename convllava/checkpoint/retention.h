#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

// The checkpoints of a run folder: `checkpoint-<step>/`.

namespace convllava::checkpoint {

struct StepDirectory {
  int64_t step = 0;
  std::filesystem::path path;
};

std::filesystem::path step_directory(const std::filesystem::path& run, int64_t step);
/// Complete checkpoints of a run, oldest first; half-written ones have another name and are not listed.
std::vector<StepDirectory> list_checkpoints(const std::filesystem::path& run);
std::optional<StepDirectory> latest_checkpoint(const std::filesystem::path& run);
/// The checkpoint that a path means: itself when it holds a model (config.json, or only weights, as OpenCLIP writes
/// them), the newest inside when it is a run folder.
/// Throws CheckpointError when it is neither.
std::filesystem::path find_checkpoint(const std::filesystem::path& path);

/// Removes the oldest until `keep_last` are left, and what an interrupted save left behind. What cannot be removed is a
/// warning.
void remove_old_checkpoints(const std::filesystem::path& run, int64_t keep_last);

}  // namespace convllava::checkpoint
