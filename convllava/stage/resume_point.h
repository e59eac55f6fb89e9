#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "convllava/checkpoint/run_folder.h"

// Which checkpoint of a run it is resumed from: a copy that broke off or a disk that lost a file leaves directories
// that look like one.

namespace convllava::stage {

struct DamagedCheckpoint {
  std::filesystem::path path;
  std::string reason;
};

/// The checkpoint that a run is resumed from.
struct ResumePoint {
  std::optional<checkpoint::StepDirectory> from;  ///< the newest checkpoint whose model and training state are whole
  std::vector<DamagedCheckpoint> damaged;         ///< those that are newer, the newest first
};

/// Throws CheckpointError when the run has checkpoints and none of them is whole.
ResumePoint find_resume_point(const std::filesystem::path& run);

/// Renames damaged checkpoints (checkpoint-40.damaged), so that what opens the run takes the whole one before them, and
/// says so in a warning. Throws CheckpointError when one cannot be renamed.
void set_aside(const std::vector<DamagedCheckpoint>& damaged);

}  // namespace convllava::stage
