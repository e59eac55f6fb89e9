#pragma once

// Conversations: turns of text, and the place of an image in them. The text around the turns is in templates.h.

#include <string>
#include <string_view>

namespace convllava::text {

/// The placeholder of an image in a message.
inline constexpr std::string_view kImagePlaceholder = "<image>";

enum class Speaker { kHuman, kAssistant };

struct Turn {
  Speaker speaker = Speaker::kHuman;
  std::string text;
};

/// The last sentence of those questions in LLaVA's training data and evaluation that ask for a short answer.
inline constexpr std::string_view kShortAnswerRequest = "Answer the question using a single word or phrase.";

/// LLaVA's placeholder rule for a sample with an image. In a turn with "<image>", all placeholders are removed, the
/// text is stripped, "<image>\n" is put in front, and the result is stripped again. Other text is returned unchanged.
std::string normalize_image_placeholder(std::string_view text);

}  // namespace convllava::text
