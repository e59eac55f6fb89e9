#include "convllava/checkpoint/file_access.h"

#include <system_error>

#include "convllava/core/error.h"
#include "convllava/core/files.h"

namespace convllava::checkpoint {
namespace fs = std::filesystem;
namespace {

void check(const std::error_code& error, const fs::path& path, std::string_view what) {
  if (error) throw CheckpointError(path.string(), what, error.message());
}

fs::file_status status_of(const fs::path& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  // That there is nothing is known, and all the same an error to `fs::status`.
  if (!fs::status_known(status)) check(error, path, "cannot read the file status");
  return status;
}

}  // namespace

std::string read_text(const fs::path& path) {
  try {
    return core::read_file(path, core::kMaxSettingsBytes);
  } catch (const DataError& error) {
    throw error_as<CheckpointError>(error);
  }
}

bool path_exists(const fs::path& path) { return fs::exists(status_of(path)); }

bool directory_exists(const fs::path& path) { return fs::is_directory(status_of(path)); }

std::vector<fs::path> directory_entries(const fs::path& directory) {
  std::vector<fs::path> entries;
  std::error_code error;
  fs::directory_iterator entry(directory, error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) entries.push_back(entry->path());
  check(error, directory, "cannot list the directory");
  return entries;
}

void make_directories(const fs::path& directory) {
  std::error_code error;
  fs::create_directories(directory, error);
  check(error, directory, "cannot create the directory");
}

}  // namespace convllava::checkpoint
