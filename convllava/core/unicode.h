#pragma once

// Text as in Python's `str`, for features that Python code defines: metrics, prompts, word counts. Texts are UTF-8. A
// part that is not UTF-8 is one U+FFFD, as in `bytes.decode(errors="replace")`. Letters, digits and white space are
// those of ICU's Unicode version (docs/design/unicode.md).

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace convllava::core {

struct CodePoint {
  char32_t value = 0xFFFD;
  size_t bytes = 1;
};

/// What the text begins with. It is not empty.
CodePoint first_code_point(std::string_view text);

/// Whether every byte belongs to a character.
bool is_utf8(std::string_view text);

/// One element for each code point, so that its size is `len(text)`.
std::u32string code_points(std::string_view text);

/// `str.isspace()`: white space for `str.split()` and `str.strip()`.
bool is_space(char32_t c);
/// `str.isdecimal()`, which is `\d` of `re`: the digits 0 to 9 of every script.
bool is_decimal(char32_t c);

/// `str.lower()`: "ΟΔΟΣ" is "οδος", and "İ" becomes two code points.
std::string lower(std::string_view text);
/// `str.upper()`: "straße" is "STRASSE".
std::string upper(std::string_view text);
/// `str.capitalize()`: the first code point in title case, the rest in lower case.
std::string capitalize(std::string_view text);

/// `str.strip()`.
std::string_view strip(std::string_view text);
/// `str.split()`: the words between white space.
std::vector<std::string_view> split(std::string_view text);

}  // namespace convllava::core
