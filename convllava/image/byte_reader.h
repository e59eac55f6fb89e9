#pragma once

// Reads the bytes of a file in order, with a check of the end.

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "convllava/image/decode.h"

namespace convllava::image {

/// The number in `bytes`, at most 8 bytes.
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

  /// The next bytes, at most `count`.
  std::string_view take_at_most(uint64_t count) {
    const std::string_view taken = file_.bytes.substr(position_, count);
    position_ += taken.size();
    return taken;
  }

  /// Exactly `count` bytes. Throws DataError "the image is truncated" if fewer are left.
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
