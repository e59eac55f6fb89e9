#include "convllava/text/conversation.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "convllava/core/error.h"
#include "convllava/core/suggest.h"
#include "convllava/core/unicode.h"

namespace convllava::text {
namespace {

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
  throw ConfigError("", "unknown conversation template", fmt::format("\"{}\"", name),
                    core::one_of(template_names(), name, "\""));
}

std::string_view template_name(Template value) {
  for (const auto& [name, known] : kNames) {
    if (value == known) return name;
  }
  throw Error("template_name", "not a template", std::to_string(static_cast<int>(value)));
}

const std::vector<std::string>& template_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const auto& entry : kNames) all.emplace_back(entry.first);
    return all;
  }();
  return names;
}

std::string_view stop_text(Template value, bool has_image) {
  if (value != Template::kPlain) return kEndOfAnswer;
  return has_image ? kEndOfCaption : "";
}

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

void visit_template(config::FieldVisitor& visitor, Template& value) {
  std::vector<std::pair<std::string, Template>> names;
  for (const auto& name : template_names()) {
    const Template meant = template_from_name(name);
    // One name each: a second name for the same template could not be told apart when it is written again.
    if (template_name(meant) == name) names.emplace_back(name, meant);
  }
  visitor.fixed_on_resume().choice(
      "template", value, names,
      "Text around questions and answers: `v1` is Vicuna's chat (the paper's in all stages), `llava_v1` the "
      "same with \"human\" for \"user\", `plain` an image and its caption without any.");
}

}  // namespace convllava::text
