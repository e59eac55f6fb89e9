#pragma once

#include <filesystem>

namespace convllava::stage {

/// Moves what another run wrote into the folder of a run that starts, which would write over it (metrics, report,
/// configuration, list of bad records, events), to `earlier-1` in it, or the next number, and says so. Checkpoints are
/// no part of it: a folder that holds one is continued. Throws CheckpointError.
void set_aside_earlier_run(const std::filesystem::path& run);

}  // namespace convllava::stage
