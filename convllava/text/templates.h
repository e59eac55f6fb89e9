#pragma once

// Chat templates: the text around the messages of a conversation. Each is a row of the table in templates.cpp; how to
// add one is in docs/adding/template.md.

#include <string>
#include <string_view>
#include <vector>

#include "convllava/config/fields.h"

namespace convllava::text {

/// The texts of a template, in the order in which a prompt has them:
///
///     system  human gap QUESTION human_end  assistant gap ANSWER answer_end after_answer  human ...
///
/// The loss covers `gap ANSWER answer_end`. The prompt for a new answer ends after `assistant`.
/// A caption template has `<image> ANSWER answer_end` alone: the image asks for the caption, and the words of the
/// question are not used.
struct ChatTemplate {
  std::string_view name;
  std::string_view alias = {};    ///< second name; "" for none
  std::string_view meaning = {};  ///< for the configuration reference
  std::string_view system = {};
  std::string_view human = {};
  std::string_view assistant = {};
  std::string_view gap = {};  ///< no gap before an empty message
  std::string_view human_end = {};
  std::string_view answer_end = {};  ///< where an answer ends, in training and in generation
  std::string_view after_answer = {};
  bool add_bos = true;  ///< whether input ids start with BOS
  bool is_caption = false;
};

/// A row of the table as a value.
///
///     const auto chat = text::template_from_name("chatml");
///     chat->answer_end;  // "<|im_end|>"
class Template {
 public:
  // The rows that code names; others are found by name.
  static const Template kV1;
  static const Template kPlain;
  static const Template kLlavaV1;

  constexpr explicit Template(const ChatTemplate& row) : row_(&row) {}
  const ChatTemplate* operator->() const { return row_; }
  const ChatTemplate& operator*() const { return *row_; }
  bool operator==(const Template&) const = default;

 private:
  const ChatTemplate* row_;
};

/// By name or alias. Throws ConfigError with the known names.
Template template_from_name(std::string_view name);
std::string_view template_name(Template value);
/// All names, then all aliases.
const std::vector<std::string>& template_names();

/// The text at which generation stops; it is no part of the answer. A model writes it with one or several tokens.
/// "" for a caption template without an image: the text continues until an end token.
std::string_view stop_text(Template value, bool has_image);

/// Field `template`, of configurations and of checkpoints' records.
void visit_template(config::FieldVisitor& visitor, Template& value);

}  // namespace convllava::text
