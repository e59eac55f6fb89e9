#pragma once

// Folders that tests write into, and what tests read.

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>

namespace convllava::testing {

inline void write_text(const std::filesystem::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

inline std::string text_of(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

/// Dates a file back by an hour, so that a change of it shows on a file system with coarse times as well.
inline void age(const std::filesystem::path& path) {
  std::filesystem::last_write_time(path, std::filesystem::file_time_type::clock::now() - std::chrono::hours(1));
}

/// A file of the folder that CONVLLAVA_SHARED_DATA names (CONTRIBUTING.md says what it may hold), or a path where there
/// is none: tests that need such data skip then.
inline std::filesystem::path shared_data(const std::string& name) {
  const char* folder = std::getenv("CONVLLAVA_SHARED_DATA");
  return std::filesystem::path(folder != nullptr ? folder : "/nonexistent") / name;
}

/// A new empty directory, removed at the end of the scope.
class TemporaryFolder {
 public:
  explicit TemporaryFolder(const std::string& name = "test") {
    path_ = (std::filesystem::temp_directory_path() / ("convllava_" + name + ".XXXXXX")).string();
    std::string pattern = path_.string();
    path_ = mkdtemp(pattern.data());
    std::filesystem::permissions(path_, std::filesystem::perms(0755));  // some tests look as another user
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }
  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path write(const std::string& name, const std::string& bytes) const {
    write_text(path_ / name, bytes);
    return path_ / name;
  }

  /// Names of what is in it, hidden files too.
  std::set<std::string> names() const {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(path_)) names.insert(entry.path().filename());
    return names;
  }

 private:
  std::filesystem::path path_;
};

}  // namespace convllava::testing
