#include "convllava/text/conversation.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "convllava/core/error.h"
#include "convllava/core/suggest.h"

namespace convllava::text {
namespace {

// What Python's str.strip() removes. UTF-8 synchronises itself, so comparing bytes at either end is enough.
constexpr std::array<std::string_view, 29> kWhitespace = {
    " ",      "\t",     "\n",     "\v",     "\f",     "\r",     "\x1c",   "\x1d",   "\x1e",   "\x1f",
    "\u0085", "\u00a0", "\u1680", "\u2000", "\u2001", "\u2002", "\u2003", "\u2004", "\u2005", "\u2006",
    "\u2007", "\u2008", "\u2009", "\u200a", "\u2028", "\u2029", "\u202f", "\u205f", "\u3000"};

size_t leading_whitespace(std::string_view text) {
  for (const auto space : kWhitespace) {
    if (text.starts_with(space)) return space.size();
  }
  return 0;
}

size_t trailing_whitespace(std::string_view text) {
  for (const auto space : kWhitespace) {
    if (text.ends_with(space)) return space.size();
  }
  return 0;
}

std::string_view strip(std::string_view text) {
  while (const size_t size = leading_whitespace(text)) text.remove_prefix(size);
  while (const size_t size = trailing_whitespace(text)) text.remove_suffix(size);
  return text;
}

constexpr std::array<std::pair<std::string_view, Template>, 4> kNames = {{
    {"v1", Template::kV1},
    {"plain", Template::kPlain},
    {"llava_v1", Template::kLlavaV1},
    {"vicuna_v1", Template::kV1},
}};

}  // namespace

Template template_from_name(std::string_view name) {
  for (const auto& [known, value] : kNames) {
    if (name == known) return value;
  }
  std::string expected = "one of " + core::join(template_names());
  const std::string nearest = core::nearest_name(name, template_names());
  if (!nearest.empty()) expected += fmt::format(" (did you mean \"{}\"?)", nearest);
  throw ConfigError(error_message("", "unknown conversation template", fmt::format("\"{}\"", name), expected));
}

std::string_view template_name(Template value) {
  for (const auto& [name, known] : kNames) {
    if (value == known) return name;
  }
  throw Error(error_message("template_name", "not a template", std::to_string(static_cast<int>(value))));
}

const std::vector<std::string>& template_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const auto& entry : kNames) all.emplace_back(entry.first);
    return all;
  }();
  return names;
}

std::string normalize_image_placeholder(std::string_view text) {
  if (text.find(kImagePlaceholder) == std::string_view::npos) return std::string(text);
  std::string rest;
  for (size_t at; (at = text.find(kImagePlaceholder)) != std::string_view::npos;) {
    rest += text.substr(0, at);
    text.remove_prefix(at + kImagePlaceholder.size());
  }
  rest += text;
  const std::string_view question = strip(rest);
  return question.empty() ? std::string(kImagePlaceholder) : fmt::format("{}\n{}", kImagePlaceholder, question);
}

}  // namespace convllava::text
