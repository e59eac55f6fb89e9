#pragma once

#include <string>
#include <string_view>

// Python's view of text, which the metrics are defined in: code points instead of bytes.

namespace convllava::eval {

/// UTF-8 -> code points; each byte that is not UTF-8 becomes U+FFFD.
std::u32string code_points(std::string_view text);
std::string to_utf8(std::u32string_view text);

/// `str.lower()` for Latin, Greek and Cyrillic letters; others keep their case.
std::u32string lower(std::u32string_view text);
/// `str.capitalize()` for the same letters: the first upper, the rest lower case.
std::u32string capitalize(std::u32string_view text);

/// `str.strip()`.
std::u32string_view strip(std::u32string_view text);
/// `" ".join(text.split())`.
std::u32string collapse_spaces(std::u32string_view text);

}  // namespace convllava::eval
