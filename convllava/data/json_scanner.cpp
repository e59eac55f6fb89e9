#include "convllava/data/json_scanner.h"

#include <fmt/format.h>

#include "convllava/core/error.h"

namespace convllava::data {
namespace {

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

}  // namespace

JsonScanner::JsonScanner(std::string_view text, std::string file, int64_t first_line)
    : text_(text), file_(std::move(file)), line_(first_line) {}

char JsonScanner::peek() {
  for (; position_ < text_.size() && is_space(text_[position_]); ++position_) line_ += text_[position_] == '\n';
  return position_ < text_.size() ? text_[position_] : '\0';
}

std::string_view JsonScanner::value(std::string_view what) {
  const size_t begin = position_;
  const int64_t first_line = line_;
  closers_.clear();
  for (; position_ < text_.size(); ++position_) {
    const char c = text_[position_];
    const bool ends_scalar = c == ',' || c == ']' || c == '}' || is_space(c);
    if (closers_.empty() && ends_scalar) break;
    if (c == '"') {
      skip_string(what, first_line);
    } else if (c == '{' || c == '[') {
      closers_.push_back(c == '{' ? '}' : ']');
    } else if (c == '}' || c == ']') {
      close(c, what);
      if (closers_.empty()) {
        ++position_;
        break;
      }
    } else if (c == '\n') {
      ++line_;
    }
  }
  if (!closers_.empty()) cut_off(what, first_line, false);
  return text_.substr(begin, position_ - begin);
}

void JsonScanner::unexpected(std::string_view place, std::string_view expected) const {
  const std::string got = at_end() ? "its end" : printable(text_.substr(position_));
  throw DataError(where(), fmt::format("{} {}", at_end() ? "the file is truncated" : "invalid JSON", place), got,
                  expected);
}

std::string JsonScanner::where() const { return fmt::format("{}:{}", file_, line_); }

// The new position is the closing quote.
void JsonScanner::skip_string(std::string_view what, int64_t first_line) {
  for (++position_; position_ < text_.size(); ++position_) {
    const char c = text_[position_];
    if (c == '"') return;
    if (c == '\\' && position_ + 1 < text_.size() && text_[position_ + 1] != '\n') {
      ++position_;
    } else if (c == '\n') {
      throw DataError(where(), fmt::format("unterminated string in {}", what), "the end of the line",
                      "'\"'; line breaks inside a string are written \\n");
    }
  }
  cut_off(what, first_line, true);
}

void JsonScanner::close(char bracket, std::string_view what) {
  if (bracket != closers_.back()) {
    throw DataError(where(), fmt::format("mismatched bracket in {}", what), fmt::format("'{}'", bracket),
                    fmt::format("'{}'", closers_.back()));
  }
  closers_.pop_back();
}

void JsonScanner::cut_off(std::string_view what, int64_t first_line, bool inside_string) const {
  constexpr size_t kShown = 12;
  std::string missing(closers_.rbegin(), closers_.rend());
  if (missing.size() > kShown) missing = missing.substr(0, kShown) + "...";
  throw DataError(where(), fmt::format("the file is truncated inside {}, which begins on line {}", what, first_line),
                  inside_string ? "its end inside a string" : "its end",
                  fmt::format("'{}{}'", inside_string ? "\"" : "", missing));
}

std::string printable(std::string_view bytes) {
  constexpr size_t kShown = 40;
  std::string text = "\"";
  for (const char c : bytes.substr(0, kShown)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7F) {
      text += c;
    } else {
      text += fmt::format("\\x{:02x}", byte);
    }
  }
  return text + (bytes.size() > kShown ? "...\"" : "\"");
}

}  // namespace convllava::data
