#pragma once

// Files that are either whole or absent: write aside, flush, rename.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace convllava::core {

/// The whole file. Throws DataError naming the path when it cannot be read or is larger than `most_bytes`.
std::string read_file(const std::filesystem::path& path, size_t most_bytes = SIZE_MAX);

/// No file of settings is larger (config.json, tokenizer_config.json, an index of tensors). It is also the largest
/// header that the safetensors library reads.
inline constexpr size_t kMaxSettingsBytes = 100'000'000;

/// Replaces `path` by `bytes` so that a reader sees the old file or the new one, also after a power cut.
/// Throws CheckpointError with the system's reason (a full disk, say); the old file is then untouched, unless all that
/// failed was to flush the folder after the new one had taken its place.
void write_file_atomic(const std::filesystem::path& path, std::string_view bytes);

/// A directory that appears under its final name complete or not at all.
///
///     PendingDirectory pending("runs/a/step-100");   // creates runs/a/.step-100.tmp
///     write_into(pending.path());
///     pending.commit();                              // flushes every file, renames
///
/// Without `commit` the destructor removes the temporary directory. An existing target is replaced. The leftovers of a
/// killed process are removed by the next PendingDirectory with the same target. Throws CheckpointError.
class PendingDirectory {
 public:
  explicit PendingDirectory(std::filesystem::path target);
  ~PendingDirectory();
  PendingDirectory(const PendingDirectory&) = delete;
  PendingDirectory& operator=(const PendingDirectory&) = delete;

  const std::filesystem::path& path() const { return temporary_; }
  /// The path that a process gets for `target`, for others that write into the same directory.
  static std::filesystem::path path_for(std::filesystem::path target);
  void commit();

 private:
  std::filesystem::path target_;
  std::filesystem::path temporary_;
  bool committed_ = false;
};

/// Flushes a file or directory to the disk; a directory whose file system cannot flush one (FUSE, CIFS) is skipped.
/// Throws CheckpointError.
void flush_to_disk(const std::filesystem::path& path);

/// An exclusive lock on a run folder, held until destruction, so that two runs never write into one folder.
/// Throws ConfigError naming the folder and the process that holds it. On a file system without locks (some mounts of
/// NFS and Lustre) nothing is locked, and the first such folder of the process is named in a warning.
class FolderLock {
 public:
  explicit FolderLock(const std::filesystem::path& folder);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int descriptor_ = -1;
};

/// A lock on a folder between those that read it (shared) and the one that may remove it (exclusive). Never waits. On a
/// file system without locks, and on a folder that cannot be opened, nothing is locked and nothing refused.
class DirectoryLock {
 public:
  enum class Kind { kShared, kExclusive };
  DirectoryLock(const std::filesystem::path& folder, Kind kind);
  ~DirectoryLock();
  DirectoryLock(DirectoryLock&& other) noexcept;
  DirectoryLock& operator=(DirectoryLock&&) = delete;

  /// Another process has it, in a way that excludes this one.
  bool refused() const { return refused_; }

 private:
  int descriptor_ = -1;
  bool refused_ = false;
};

}  // namespace convllava::core
