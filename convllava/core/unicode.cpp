#include "convllava/core/unicode.h"

#include <array>
#include <cstdint>

namespace convllava::core {
namespace {

bool is_continuation(char byte) { return (static_cast<uint8_t>(byte) & 0xC0) == 0x80; }

/// UTF-8 is the shortest form, ends at U+10FFFF and has no surrogates.
bool is_utf8(const CodePoint& point) {
  constexpr std::array<char32_t, 5> kLeast = {0, 0, 0x80, 0x800, 0x10000};
  return point.value >= kLeast[point.bytes] && point.value <= 0x10FFFF &&
         !(point.value >= 0xD800 && point.value <= 0xDFFF);
}

/// What UTF-8 text ends with.
CodePoint last_code_point(std::string_view text) {
  size_t begin = text.size() - 1;
  while (begin > 0 && text.size() - begin < 4 && is_continuation(text[begin])) --begin;
  const CodePoint point = first_code_point(text.substr(begin));
  return begin + point.bytes == text.size() ? point : CodePoint{};
}

}  // namespace

CodePoint first_code_point(std::string_view text) {
  const auto lead = static_cast<uint8_t>(text[0]);
  if (lead < 0x80) return {lead, 1};
  const size_t length = lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF5 ? 4 : 0;
  if (length == 0 || length > text.size()) return {};
  CodePoint point{static_cast<char32_t>(lead & (0xFF >> (length + 1))), length};
  for (size_t i = 1; i < length; ++i) {
    if (!is_continuation(text[i])) return {};
    point.value = (point.value << 6) | (static_cast<uint8_t>(text[i]) & 0x3F);
  }
  return is_utf8(point) ? point : CodePoint{};
}

std::string_view strip(std::string_view text) {
  while (!text.empty()) {
    const CodePoint first = first_code_point(text);
    if (!is_space(first.value)) break;
    text.remove_prefix(first.bytes);
  }
  while (!text.empty()) {
    const CodePoint last = last_code_point(text);
    if (!is_space(last.value)) break;
    text.remove_suffix(last.bytes);
  }
  return text;
}

}  // namespace convllava::core
