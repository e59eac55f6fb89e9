#include "convllava/eval/unicode.h"

#include "convllava/core/unicode.h"

namespace convllava::eval {
namespace {

/// Letters that stand beside their other case: capitals at even, or at odd code points.
bool is_even_pair(char32_t c) {
  return (c >= 0x100 && c <= 0x12F) || (c >= 0x132 && c <= 0x137) || (c >= 0x14A && c <= 0x177) ||
         (c >= 0x460 && c <= 0x481) || (c >= 0x48A && c <= 0x4BF) || (c >= 0x4D0 && c <= 0x4FF) ||
         (c >= 0x1E00 && c <= 0x1E95) || (c >= 0x1EA0 && c <= 0x1EFF);
}

bool is_odd_pair(char32_t c) {
  return (c >= 0x139 && c <= 0x148) || (c >= 0x179 && c <= 0x17E) || (c >= 0x4C1 && c <= 0x4CE);
}

char32_t lower(char32_t c) {
  if ((c >= U'A' && c <= U'Z') || (c >= 0xC0 && c <= 0xDE && c != 0xD7)) return c + 32;
  if ((c >= 0x391 && c <= 0x3AB && c != 0x3A2) || (c >= 0x410 && c <= 0x42F)) return c + 32;
  if (c >= 0x400 && c <= 0x40F) return c + 80;
  if (c >= 0x388 && c <= 0x38A) return c + 37;
  if (c == 0x386) return 0x3AC;
  if (c == 0x38C) return 0x3CC;
  if (c == 0x38E || c == 0x38F) return c + 63;
  if (c == 0x178) return 0xFF;
  if (is_even_pair(c)) return c | 1;
  if (is_odd_pair(c)) return c + (c & 1);
  return c;
}

char32_t upper(char32_t c) {
  for (const char32_t distance : {1, 32, 37, 38, 63, 64, 80}) {  // that `lower` moves a letter by
    if (distance <= c && lower(c - distance) == c) return c - distance;
  }
  return c == 0xFF ? 0x178 : c;
}

}  // namespace

std::u32string code_points(std::string_view text) {
  std::u32string points;
  points.reserve(text.size());
  while (!text.empty()) {
    const core::CodePoint point = core::first_code_point(text);
    points += point.value;
    text.remove_prefix(point.bytes);
  }
  return points;
}

std::string to_utf8(std::u32string_view text) {
  std::string bytes;
  for (const char32_t c : text) {
    const auto tail = [c](int shift) { return static_cast<char>(0x80 | ((c >> shift) & 0x3F)); };
    if (c < 0x80) {
      bytes += static_cast<char>(c);
    } else if (c < 0x800) {
      bytes += {static_cast<char>(0xC0 | (c >> 6)), tail(0)};
    } else if (c < 0x10000) {
      bytes += {static_cast<char>(0xE0 | (c >> 12)), tail(6), tail(0)};
    } else {
      bytes += {static_cast<char>(0xF0 | (c >> 18)), tail(12), tail(6), tail(0)};
    }
  }
  return bytes;
}

std::u32string lower(std::u32string_view text) {
  std::u32string result(text);
  for (char32_t& c : result) c = lower(c);
  return result;
}

std::u32string capitalize(std::u32string_view text) {
  std::u32string result = lower(text);
  if (!result.empty()) result[0] = upper(result[0]);
  return result;
}

std::u32string_view strip(std::u32string_view text) {
  while (!text.empty() && core::is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && core::is_space(text.back())) text.remove_suffix(1);
  return text;
}

std::u32string collapse_spaces(std::u32string_view text) {
  std::u32string result;
  bool gap = false;
  for (const char32_t c : strip(text)) {
    if (!core::is_space(c) && gap) result += U' ';
    gap = core::is_space(c);
    if (!gap) result += c;
  }
  return result;
}

}  // namespace convllava::eval
