#include "convllava/text/conversation.h"

#include <fmt/format.h>

#include "convllava/core/unicode.h"

namespace convllava::text {

std::string normalize_image_placeholder(std::string_view text) {
  if (text.find(kImagePlaceholder) == std::string_view::npos) return std::string(text);
  std::string rest;
  for (size_t at; (at = text.find(kImagePlaceholder)) != std::string_view::npos;) {
    rest += text.substr(0, at);
    text.remove_prefix(at + kImagePlaceholder.size());
  }
  rest += text;
  const std::string_view question = core::strip(rest);
  return question.empty() ? std::string(kImagePlaceholder) : fmt::format("{}\n{}", kImagePlaceholder, question);
}

}  // namespace convllava::text
