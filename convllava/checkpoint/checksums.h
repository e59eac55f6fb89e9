#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "convllava/core/watched_file.h"

// `checksums.json` of a checkpoint: size and CRC-32C of every file, in chunks, so that a part of a file is checked
// without the rest. It is written last: a checkpoint of a run that has none is not complete.

namespace convllava::checkpoint {

inline constexpr int64_t kChecksumChunk = int64_t{16} << 20;
inline constexpr const char* kChecksumsFile = "checksums.json";

struct FileChecksum {
  int64_t bytes = 0;
  std::vector<uint32_t> chunks;  ///< CRC-32C of each kChecksumChunk bytes; the last may be shorter
};

/// By path in the checkpoint, with "/".
using Checksums = std::map<std::string, FileChecksum>;

/// The checksum of bytes as they are written.
class RunningChecksum {
 public:
  void add(std::string_view bytes);
  FileChecksum result() const;

 private:
  FileChecksum done_;  ///< whole chunks
  uint32_t open_ = 0;
};

/// Reads the whole file. Throws CheckpointError.
FileChecksum checksum_of(const std::filesystem::path& file);

/// The text of a checksums.json, and back. `where` names it in CheckpointError.
std::string checksums_text(const Checksums& checksums);
Checksums parse_checksums(const std::string& text, const std::string& where);

/// Of a checkpoint's directory; nothing where it has none: it is older, or not ours. Throws CheckpointError.
std::optional<Checksums> read_checksums(const std::filesystem::path& directory);

/// Throws CheckpointError naming the first file of a checkpoint that is missing, of another size, or, when it has one
/// chunk only, of other contents. The others are checked as they are read (CheckedFile).
void check_files(const std::filesystem::path& directory);

/// A file of which every byte that is read is compared with the checksums of its checkpoint, where there are some.
/// Thread-safe.
class CheckedFile {
 public:
  /// Throws CheckpointError when it cannot be opened or has another size than its checkpoint says.
  explicit CheckedFile(const std::filesystem::path& path);

  int64_t size() const { return file_.size(); }
  /// `count` bytes from `offset` on, which lie inside. `what` they are: "tensor a.b". Throws CheckpointError with it
  /// and the damaged range.
  void read(int64_t offset, int64_t count, void* bytes, std::string_view what) const;

 private:
  void read_plain(int64_t offset, int64_t count, void* bytes) const;
  void check(int64_t chunk, std::string_view bytes, std::string_view what) const;

  std::filesystem::path path_;
  core::WatchedFile file_;
  std::optional<FileChecksum> checksum_;
  mutable std::mutex mutex_;
  mutable int64_t cached_ = -1;  ///< chunk
  mutable std::string cache_;
};

}  // namespace convllava::checkpoint
