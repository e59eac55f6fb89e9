#pragma once

// UTF-8 text as Python sees it: code points, and what counts as white space.

#include <cstddef>
#include <string_view>

namespace convllava::core {

struct CodePoint {
  char32_t value = 0xFFFD;
  size_t bytes = 1;
};

/// What UTF-8 text begins with; a byte that is not UTF-8 counts as U+FFFD. `text` is not empty.
CodePoint first_code_point(std::string_view text);

/// What `str.split()` and `str.strip()` take for white space.
constexpr bool is_space(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

/// `str.strip()`.
std::string_view strip(std::string_view text);

}  // namespace convllava::core
