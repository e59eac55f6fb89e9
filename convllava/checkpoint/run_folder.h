#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

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

/// Removes what interrupted saves and removals left behind, and puts back a checkpoint whose replacement was
/// interrupted before it had its place: for the start of a run, before it needs the room. A failed removal is a
/// warning.
void clear_interrupted_saves(const std::filesystem::path& run);
/// For the time after a save. `clear_interrupted_saves`; then removes the oldest until `keep_last` are left, but none
/// that another program has open, and damaged ones (`checkpoint-<step>.damaged`) up to the newest step. Answers and
/// scores in `checkpoint-<step>/eval` go to `eval/checkpoint-<step>` of the run. A failed removal is a warning.
void remove_old_checkpoints(const std::filesystem::path& run, int64_t keep_last);

}  // namespace convllava::checkpoint
