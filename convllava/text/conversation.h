#pragma once

// Conversations and the templates that turn them into text (LLaVA's `conversation.py`, names kept).

#include <string>
#include <string_view>
#include <vector>

#include "convllava/config/fields.h"

namespace convllava::text {

/// The placeholder of an image in a message.
inline constexpr std::string_view kImagePlaceholder = "<image>";

/// What the answers of a chat, and the captions of `Template::kPlain`, end with.
inline constexpr std::string_view kEndOfAnswer = "</s>";
inline constexpr std::string_view kEndOfCaption = "\n";

enum class Speaker { kHuman, kAssistant };

struct Turn {
  Speaker speaker = Speaker::kHuman;
  std::string text;
};

/// `kV1` ("v1", also called vicuna_v1): "A chat between a curious user ...", USER/ASSISTANT, answers end in </s>.
/// `kPlain` ("plain"): image, caption, newline; no system text, no </s>. A question without an image is bare text.
/// `kLlavaV1` ("llava_v1"): as v1 with "human" for "user" in the system text.
enum class Template { kV1, kPlain, kLlavaV1 };

/// What a template's answer ends with where the model spells it out instead of choosing </s>; no part of the answer.
/// `kPlain`'s captions end with a line break and nothing else, as in LLaVA (`sep`); its bare text has no end.
std::string_view stop_text(Template value, bool has_image);

/// What the questions of LLaVA's training data, and of its evaluation, that want a short answer end with.
inline constexpr std::string_view kShortAnswerRequest = "Answer the question using a single word or phrase.";

/// Throws ConfigError listing the names when there is no such template.
Template template_from_name(std::string_view name);
std::string_view template_name(Template value);
const std::vector<std::string>& template_names();

/// Field `template`, of configurations and of checkpoints' records.
void visit_template(config::FieldVisitor& visitor, Template& value);

/// LLaVA's placeholder rule for a sample with an image: in each turn that holds "<image>", all of them are removed,
/// the text is stripped and "<image>\n" put in front, then stripped again.
std::string normalize_image_placeholder(std::string_view text);

}  // namespace convllava::text
