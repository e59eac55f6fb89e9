#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

#include "convllava/core/files.h"

// The checkpoints of a run folder: `checkpoint-<step>/`.

namespace convllava::checkpoint {

/// Behind the name of a checkpoint that was found damaged.
inline constexpr std::string_view kDamaged = ".damaged";

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
/// Throws CheckpointError when it is neither, and when the newest is damaged: the message then names the newest whole
/// one.
std::filesystem::path find_checkpoint(const std::filesystem::path& path);

/// A checkpoint while it is read: the run that it belongs to does not remove it.
class OpenCheckpoint {
 public:
  /// What `find_checkpoint` finds.
  explicit OpenCheckpoint(const std::filesystem::path& path);
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  std::optional<core::DirectoryLock> lock_;
};

/// Removes what interrupted saves and removals left behind, and puts back a checkpoint whose replacement was
/// interrupted before it had its place: for the start of a run, before it needs the room. What cannot be removed is a
/// warning.
void clear_interrupted_saves(const std::filesystem::path& run);
/// For the time after a save. `clear_interrupted_saves`; then removes the oldest until `keep_last` are left, but none
/// that another program has open, and damaged ones (`checkpoint-<step>.damaged`) up to the newest step. Answers and
/// scores in `checkpoint-<step>/eval` go to `eval/checkpoint-<step>` of the run. What cannot be removed is a warning.
void remove_old_checkpoints(const std::filesystem::path& run, int64_t keep_last);

}  // namespace convllava::checkpoint
