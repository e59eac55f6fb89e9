#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

// A run that fails at the same place whenever a launcher starts it again.

namespace convllava::stage {

/// Starts of one program and configuration from one step, none of which came to a new checkpoint.
inline constexpr int kMostStarts = 3;

/// Notes in `restarts.jsonl` of the run's folder that the run starts from `step`. Throws Error when it has started from
/// there kMostStarts times already with the same `what` (digest of program and configuration).
void note_start(const std::filesystem::path& run, int64_t step, const std::string& what);
/// The run has ended without an error: what came before does not count.
void note_end(const std::filesystem::path& run);

}  // namespace convllava::stage
