#pragma once

#include <filesystem>
#include <string_view>

namespace convllava::core {

/// The bytes of a regular file, read by the system page by page when they are looked at. They must not be shortened
/// while they are mapped.
class MappedFile {
 public:
  /// Throws Error that holds the reason alone ("Permission denied"): the caller knows its type and what was expected.
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const char* data() const { return static_cast<const char*>(data_); }
  size_t size() const { return size_; }
  std::string_view text() const { return {data(), size_}; }

 private:
  void* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace convllava::core
