#include "convllava/text/templates.h"

#include <fmt/format.h>

#include <utility>

#include "convllava/core/error.h"
#include "convllava/core/suggest.h"

namespace convllava::text {
namespace {

// The table of templates. Names and texts of the first three are those of LLaVA's conversation.py, the text of `chatml`
// is that of LLaVA-NeXT's `qwen_1_5`.
constexpr ChatTemplate kTemplates[] = {
    {
        .name = "v1",
        .alias = "vicuna_v1",
        .meaning = "Vicuna's chat (the paper's in all stages)",
        .system = "A chat between a curious user and an artificial intelligence assistant. The assistant gives "
                  "helpful, detailed, and polite answers to the user's questions. ",
        .human = "USER:",
        .assistant = "ASSISTANT:",
        .gap = " ",
        .human_end = " ",
        .answer_end = "</s>",
    },
    {
        .name = "plain",
        .meaning = "an image and its caption, without any other text",
        .answer_end = "\n",
        .is_caption = true,
    },
    {
        .name = "llava_v1",
        .meaning = "as `v1`, with \"human\" for \"user\" in the system text",
        .system = "A chat between a curious human and an artificial intelligence assistant. The assistant gives "
                  "helpful, detailed, and polite answers to the human's questions. ",
        .human = "USER:",
        .assistant = "ASSISTANT:",
        .gap = " ",
        .human_end = " ",
        .answer_end = "</s>",
    },
    {
        .name = "chatml",
        .meaning = "Qwen's chat (ChatML), without BOS",
        .system = "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n",
        .human = "<|im_start|>user\n",
        .assistant = "<|im_start|>assistant\n",
        .human_end = "<|im_end|>\n",
        .answer_end = "<|im_end|>",
        .after_answer = "\n",
        .add_bos = false,
    },
};

consteval Template row(std::string_view name) {
  for (const auto& entry : kTemplates) {
    if (entry.name == name) return Template(entry);
  }
  throw "not in the table";
}

std::string describe_templates() {
  std::vector<std::string> meanings;
  for (const auto& entry : kTemplates) meanings.push_back(fmt::format("`{}` is {}", entry.name, entry.meaning));
  return fmt::format("Text around questions and answers: {}.", core::join(meanings, "; "));
}

}  // namespace

constinit const Template Template::kV1 = row("v1");
constinit const Template Template::kPlain = row("plain");
constinit const Template Template::kLlavaV1 = row("llava_v1");

Template template_from_name(std::string_view name) {
  for (const auto& entry : kTemplates) {
    if (name == entry.name || (!name.empty() && name == entry.alias)) return Template(entry);
  }
  throw ConfigError("", "unknown conversation template", fmt::format("\"{}\"", name),
                    core::one_of(template_names(), name, "\""));
}

std::string_view template_name(Template value) { return value->name; }

const std::vector<std::string>& template_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const auto& entry : kTemplates) all.emplace_back(entry.name);
    for (const auto& entry : kTemplates) {
      if (!entry.alias.empty()) all.emplace_back(entry.alias);
    }
    return all;
  }();
  return names;
}

std::string_view stop_text(Template value, bool has_image) {
  return value->is_caption && !has_image ? "" : value->answer_end;
}

void visit_template(config::FieldVisitor& visitor, Template& value) {
  static const std::string meaning = describe_templates();
  std::vector<std::pair<std::string, Template>> names;  // no aliases: a template is written by its name
  for (const auto& entry : kTemplates) names.emplace_back(entry.name, Template(entry));
  visitor.fixed_on_resume().choice("template", value, names, meaning.c_str());
}

}  // namespace convllava::text
