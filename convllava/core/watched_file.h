#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "convllava/core/error.h"

namespace convllava::core {

/// Somebody wrote into a file that is in use: what is read from now on does not belong to what was read before.
class FileChanged : public DataError {
 public:
  using DataError::DataError;
};

/// A regular file that stays open and is read piece by piece. A file that somebody writes into in place is noticed by
/// its size and its time of modification; one that takes its name (`mv new.json old.json`) is another file and does not
/// matter. Thread-safe.
class WatchedFile {
 public:
  /// Throws Error that holds the reason alone ("Permission denied"): the caller knows its type and what was expected.
  explicit WatchedFile(std::filesystem::path path);
  ~WatchedFile();
  WatchedFile(const WatchedFile&) = delete;
  WatchedFile& operator=(const WatchedFile&) = delete;

  /// In bytes, when it was opened.
  int64_t size() const { return size_; }
  /// `count` bytes from `offset` on, which lie inside. Throws FileChanged naming the path; DataError when the system
  /// cannot read.
  std::string read(int64_t offset, int64_t count) const;
  /// The same into memory of the caller's.
  void read(int64_t offset, int64_t count, void* bytes) const;

 private:
  bool is_unchanged() const;

  std::filesystem::path path_;
  int descriptor_ = -1;
  int64_t size_ = 0;
  int64_t modified_seconds_ = 0;
  int64_t modified_nanoseconds_ = 0;
};

}  // namespace convllava::core
