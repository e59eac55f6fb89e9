#pragma once

#include <istream>
#include <optional>
#include <string>
#include <string_view>

#include "convllava/infer/pretrained.h"

// A conversation on the terminal.

namespace convllava::apps {

/// The longest line that is read; no model's context holds more.
inline constexpr size_t kLongestLine = size_t{1} << 20;

/// The human turn for what a user has written. The conversation's image goes in front of its first question, also
/// where the user has written "<image>" in the middle. Throws ConfigError for a second "<image>", one without an image
/// or after the first question, text that is not UTF-8, and more than kLongestLine bytes.
std::string question_text(std::string_view words, bool has_image, bool is_first);

/// Asks a model. Answers go to stdout while they are made; notes about them (cut off, empty) to stderr.
class ChatSession {
 public:
  ChatSession(infer::Pretrained& pretrained, infer::AnswerOptions options, std::optional<image::Image> image);

  /// Asks in the conversation so far, which an invalid question does not change. Returns why the answer
  /// ended. Throws ConfigError (question_text) and what `infer::answer` throws.
  infer::Finish ask(const std::string& words);

  /// Lines from `input`, up to an empty one or its end: questions, and commands that begin with "/". An invalid
  /// question or command prints its error, and the conversation continues.
  void converse(std::istream& input);

 private:
  void greet() const;
  void command(std::string_view line);
  void show(const std::string& path);
  void note_finish(const infer::Answer& answer) const;
  void note_characters(const std::string& words);

  infer::Pretrained& pretrained_;
  infer::AnswerOptions options_;
  infer::Question question_;  ///< the conversation; its last turn is an answer
  bool noted_captions_ = false;
  bool noted_characters_ = false;
};

}  // namespace convllava::apps
