#pragma once

#include <filesystem>
#include <string>
#include <vector>

// File system functions for this folder. A system error (no permission, a loop of links, a name that is too long) is a
// CheckpointError with the path and the reason.

namespace convllava::checkpoint {

/// The whole file, of settings: at most core::kMaxSettingsBytes.
std::string read_text(const std::filesystem::path& path);

/// True where something has this name, and where that is a directory; false where there is nothing.
bool path_exists(const std::filesystem::path& path);
bool directory_exists(const std::filesystem::path& path);

/// The paths of what is in a directory, in any order.
std::vector<std::filesystem::path> directory_entries(const std::filesystem::path& directory);

/// The directory and those above it, where they are not there yet.
void make_directories(const std::filesystem::path& directory);

}  // namespace convllava::checkpoint
