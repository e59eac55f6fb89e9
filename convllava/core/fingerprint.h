#pragma once

#include <cstdint>
#include <string_view>

namespace convllava::core {

/// FNV-1a, 64 bits. Distinguishes contents, identically on every machine. Not cryptographic.
///
///     Fingerprint fingerprint;
///     fingerprint.add("some bytes");
///     fmt::format("{:016x}", fingerprint.value());
class Fingerprint {
 public:
  void add(std::string_view bytes) {
    for (const char c : bytes) value_ = (value_ ^ static_cast<uint8_t>(c)) * 0x100000001B3;
  }
  uint64_t value() const { return value_; }
  /// The lower 53 bits, which a double holds exactly.
  double as_double() const { return static_cast<double>(value_ % (uint64_t{1} << 53)); }

 private:
  uint64_t value_ = 0xCBF29CE484222325;
};

}  // namespace convllava::core
