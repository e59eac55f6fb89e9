#pragma once

// Conversations and the templates that turn them into text (LLaVA's `conversation.py`, names kept).

#include <string>
#include <string_view>
#include <vector>

namespace convllava::text {

/// The placeholder of a picture in a message.
inline constexpr std::string_view kImagePlaceholder = "<image>";

enum class Speaker { kHuman, kAssistant };

struct Turn {
  Speaker speaker = Speaker::kHuman;
  std::string text;
};

/// `kV1` ("v1", also called vicuna_v1): "A chat between a curious user ...", USER/ASSISTANT, answers end in </s>.
/// `kPlain` ("plain"): picture, caption, newline; no system text, no </s>. A question without a picture is bare text.
/// `kLlavaV1` ("llava_v1"): as v1 with "human" for "user" in the system text.
enum class Template { kV1, kPlain, kLlavaV1 };

/// Throws ConfigError listing the names when there is no such template.
Template template_from_name(std::string_view name);
std::string_view template_name(Template value);
const std::vector<std::string>& template_names();

/// LLaVA's placeholder rule for a sample with a picture: in each turn that holds "<image>", all of them are removed,
/// the text is stripped and "<image>\n" put in front, then stripped again.
std::string normalize_image_placeholder(std::string_view text);

}  // namespace convllava::text
