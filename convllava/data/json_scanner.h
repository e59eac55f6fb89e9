#pragma once

// Finds the ranges of JSON values without parsing them, to index a large annotation file.

#include <cstdint>
#include <string>
#include <string_view>

namespace convllava::data {

/// Reads `text` once. Throws DataError with file and line.
class JsonScanner {
 public:
  JsonScanner(std::string_view text, std::string file, int64_t first_line = 1);

  /// Skips white space; the next character, or '\0' at the end.
  char peek();
  void take() { ++position_; }
  /// Skips bytes; they must have no line break.
  void skip(size_t bytes) { position_ += bytes; }

  /// Skips one value and returns its bytes. Only brackets and quotes are checked. `what` names the value in messages
  /// ("record 12").
  std::string_view value(std::string_view what);

  /// Throws DataError: the next character at `place` ("after record 3") is not `expected`.
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

/// At most 40 of `bytes`, in quotes, for a message; bytes outside printable ASCII are \xNN.
std::string printable(std::string_view bytes);

}  // namespace convllava::data
