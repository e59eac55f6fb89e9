#pragma once

// A file's bytes from front to back, never behind their end.

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "convllava/image/decode.h"

namespace convllava::image {

/// The number that `bytes`, at most 8 of them, hold.
inline uint64_t little_endian(std::string_view bytes) {
  uint64_t value = 0;
  for (size_t i = bytes.size(); i-- > 0;) value = value << 8 | static_cast<uint8_t>(bytes[i]);
  return value;
}
inline uint64_t big_endian(std::string_view bytes) {
  uint64_t value = 0;
  for (const char byte : bytes) value = value << 8 | static_cast<uint8_t>(byte);
  return value;
}

class ByteReader {
 public:
  explicit ByteReader(const EncodedImage& file) : file_(file) {}

  size_t position() const { return position_; }
  size_t left() const { return file_.bytes.size() - position_; }
  void seek(uint64_t position) { position_ = std::min<uint64_t>(position, file_.bytes.size()); }

  /// As many bytes as there are, at most `count`.
  std::string_view take_at_most(uint64_t count) {
    const std::string_view taken = file_.bytes.substr(position_, count);
    position_ += taken.size();
    return taken;
  }

  /// Exactly `count` bytes, or a DataError that the image is truncated.
  std::string_view take(uint64_t count) {
    if (count > left()) file_.fail_truncated();
    return take_at_most(count);
  }

  uint8_t byte() { return static_cast<uint8_t>(take(1)[0]); }

 private:
  const EncodedImage& file_;
  size_t position_ = 0;
};

}  // namespace convllava::image
