#pragma once

// Finds where JSON values begin and end without parsing them, so that a large annotation file can be indexed in place.

#include <cstdint>
#include <string>
#include <string_view>

namespace convllava::data {

/// Walks over `text` once. Errors are DataErrors that name `file`, the line and what was open.
class JsonScanner {
 public:
  JsonScanner(std::string_view text, std::string file, int64_t first_line = 1);

  /// Skips white space; the next character, or '\0' at the end.
  char peek();
  void take() { ++position_; }
  /// Passes over bytes without a line break.
  void skip(size_t bytes) { position_ += bytes; }

  /// Steps over one value and returns its bytes. Brackets and quotes must pair up; nothing else is checked.
  /// `what` names the value in messages ("record 12").
  std::string_view value(std::string_view what);

  /// Throws the error that something else than `expected` follows `place` ("after record 3").
  [[noreturn]] void unexpected(std::string_view place, std::string_view expected) const;

  bool at_end() const { return position_ == text_.size(); }
  size_t position() const { return position_; }
  /// Line of the next character, from 1.
  int64_t line() const { return line_; }
  /// "file:line".
  std::string where() const;

 private:
  void skip_string(std::string_view what, int64_t first_line);
  void close(char bracket, std::string_view what);
  [[noreturn]] void cut_off(std::string_view what, int64_t first_line, bool inside_string) const;

  std::string_view text_;
  std::string file_;
  size_t position_ = 0;
  int64_t line_ = 1;
  std::string closers_;  ///< the brackets that close what is open, outermost first
};

/// `bytes` in quotes for a message: at most 40 of them, those outside ASCII as \xNN.
std::string printable(std::string_view bytes);

}  // namespace convllava::data
