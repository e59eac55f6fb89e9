#include "convllava/core/unicode.h"

#include <unicode/bytestream.h>
#include <unicode/casemap.h>
#include <unicode/uchar.h>
#include <unicode/utf8.h>

#include <algorithm>

#include "convllava/core/error.h"

namespace convllava::core {
namespace {

constexpr char32_t kReplacement = 0xFFFD;
constexpr size_t kLongest = 4;            // bytes of a code point
constexpr const char* kAnyLanguage = "";  // Turkish and Lithuanian have rules of their own, which Python does not know

CodePoint last_code_point(std::string_view text) {
  text = text.substr(text.size() - std::min(text.size(), kLongest));
  auto begin = static_cast<int32_t>(text.size());
  UChar32 value = 0;
  U8_PREV_OR_FFFD(text.data(), 0, begin, value);
  return {static_cast<char32_t>(value), text.size() - static_cast<size_t>(begin)};
}

/// `map` is called with the text, where the result goes to, and the status.
template <class Map>
std::string mapped(std::string_view text, Map map) {
  std::string result;
  icu::StringByteSink<std::string> sink(&result, static_cast<int32_t>(text.size()));
  UErrorCode status = U_ZERO_ERROR;
  map(icu::StringPiece(text.data(), static_cast<int32_t>(text.size())), sink, status);
  if (U_FAILURE(status)) throw Error("letter case", "ICU failed", u_errorName(status));
  return result;
}

}  // namespace

CodePoint first_code_point(std::string_view text) {
  if (U8_IS_SINGLE(text[0])) return {static_cast<char32_t>(text[0]), 1};
  int32_t bytes = 0;
  UChar32 value = 0;
  U8_NEXT_OR_FFFD(text.data(), bytes, static_cast<int32_t>(std::min(text.size(), kLongest)), value);
  return {static_cast<char32_t>(value), static_cast<size_t>(bytes)};
}

std::u32string code_points(std::string_view text) {
  std::u32string points;
  points.reserve(text.size());
  while (!text.empty()) {
    const CodePoint point = first_code_point(text);
    points += point.value;
    text.remove_prefix(point.bytes);
  }
  return points;
}

// Of ICU's several kinds of white space this one is Python's: u_isUWhiteSpace lacks U+001C to U+001F. The words of a
// whole data set are counted before training, so ASCII is decided here.
bool is_space(char32_t c) {
  if (c < 0x80) return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20);
  return u_isspace(static_cast<UChar32>(c)) != 0;
}

bool is_decimal(char32_t c) { return u_isdigit(static_cast<UChar32>(c)) != 0; }

std::string lower(std::string_view text) {
  return mapped(text, [](icu::StringPiece source, icu::ByteSink& sink, UErrorCode& status) {
    icu::CaseMap::utf8ToLower(kAnyLanguage, 0, source, sink, nullptr, status);
  });
}

std::string upper(std::string_view text) {
  return mapped(text, [](icu::StringPiece source, icu::ByteSink& sink, UErrorCode& status) {
    icu::CaseMap::utf8ToUpper(kAnyLanguage, 0, source, sink, nullptr, status);
  });
}

std::string capitalize(std::string_view text) {
  return mapped(text, [](icu::StringPiece source, icu::ByteSink& sink, UErrorCode& status) {
    constexpr uint32_t kFirstCodePoint = U_TITLECASE_WHOLE_STRING | U_TITLECASE_NO_BREAK_ADJUSTMENT;
    icu::CaseMap::utf8ToTitle(kAnyLanguage, kFirstCodePoint, nullptr, source, sink, nullptr, status);
  });
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const CodePoint first = first_code_point(text);
    if (first.value == kReplacement && !text.starts_with("\uFFFD")) return false;
    text.remove_prefix(first.bytes);
  }
  return true;
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

std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> words;
  size_t begin = 0;  // of the word that is being read
  for (size_t at = 0; at < text.size();) {
    const CodePoint point = first_code_point(text.substr(at));
    if (is_space(point.value)) {
      if (at > begin) words.push_back(text.substr(begin, at - begin));
      begin = at + point.bytes;
    }
    at += point.bytes;
  }
  if (begin < text.size()) words.push_back(text.substr(begin));
  return words;
}

}  // namespace convllava::core
