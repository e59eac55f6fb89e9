#include "convllava/apps/chat_session.h"

#include <fmt/format.h>

#include <iostream>

#include "convllava/core/error.h"
#include "convllava/core/paths.h"
#include "convllava/core/unicode.h"
#include "convllava/nn/libtorch.h"
#include "convllava/text/characters.h"

namespace convllava::apps {
namespace {

constexpr const char* kCommands =
    "/image PATH   a new conversation, about this image\n"
    "/reset        a new conversation, about the same image if there is one\n"
    "/help         this help\n"
    "An empty line or Ctrl-D ends the program. For a question that begins with \"/\", put a space before it.\n";

constexpr const char* kExpectedCommand = "/image PATH, /reset or /help";
constexpr const char* kAdvice = "/reset starts a new conversation";

size_t count_placeholders(std::string_view text) {
  size_t count = 0;
  for (size_t at = 0; (at = text.find(text::kImagePlaceholder, at)) != text.npos;
       at += text::kImagePlaceholder.size()) {
    ++count;
  }
  return count;
}

void note(std::string_view text) { std::cerr << "chat: " << text << std::endl; }

/// Nothing at the end of the input and for a line without words. Windows ends its lines with "\r\n". Of a line that is
/// too long, enough is kept to see that.
std::optional<std::string> next_line(std::istream& input) {
  std::string line;
  for (char c = 0; input.get(c) && c != '\n';) {
    if (line.size() <= kLongestLine) line += c;
  }
  if (line.ends_with('\r')) line.pop_back();
  if (core::strip(line).empty()) return std::nullopt;
  return line;
}

}  // namespace

std::string question_text(std::string_view words, bool has_image, bool is_first) {
  const auto fail = [](std::string_view what, std::string_view got, std::string_view expected) {
    throw ConfigError("question", what, got, expected);
  };
  if (words.size() > kLongestLine) fail("too long", "", fmt::format("at most {} bytes", kLongestLine));
  if (!core::is_utf8(words)) fail("not UTF-8", "", "text in UTF-8");
  const size_t placeholders = count_placeholders(words);
  if (placeholders > 0 && !has_image) {
    fail("the question contains \"<image>\", but there is no image. Use --image FILE, or /image PATH in a conversation",
         "", "");
  }
  if (placeholders > 0 && !is_first) {
    fail("\"<image>\" is allowed only in the first question. Use /image PATH for another image", "", "");
  }
  if (placeholders > 1) {
    fail("\"<image>\" occurs more than once", fmt::format("{} times", placeholders), "once");
  }
  if (!has_image || !is_first || placeholders == 1) return std::string(words);
  return fmt::format("{}\n{}", text::kImagePlaceholder, words);
}

ChatSession::ChatSession(infer::Pretrained& pretrained, infer::AnswerOptions options, std::optional<image::Image> image)
    : pretrained_(pretrained), options_(std::move(options)) {
  question_.image = std::move(image);
}

infer::Finish ChatSession::ask(const std::string& words) {
  const bool plain = options_.prompt_template->is_caption;
  if (plain) question_.turns.clear();  // it has no place for a history
  auto human = question_text(words, question_.image.has_value(), question_.turns.empty());
  if (plain && question_.image && !words.empty() && !noted_captions_) {
    note(fmt::format("this model only describes images (template \"{}\"): it ignores the question",
                     options_.prompt_template->name));
    noted_captions_ = true;
  }
  note_characters(words);
  question_.turns.push_back({text::Speaker::kHuman, std::move(human)});
  try {
    const auto print = [](size_t, std::string_view text) { std::cout << text << std::flush; };
    const auto answer = infer::answer(*pretrained_.model, pretrained_.tokenizer, {question_}, options_, print).front();
    std::cout << std::endl;
    note_finish(answer);
    question_.turns.push_back({text::Speaker::kAssistant, answer.text});
    return answer.finish;
  } catch (const DataError&) {
    question_.turns.pop_back();
    throw;
  }
}

void ChatSession::note_finish(const infer::Answer& answer) const {
  if (answer.finish == infer::Finish::kTokenLimit) {
    note(fmt::format("the answer was cut off after {} tokens (--max-new-tokens)", options_.generate.max_new_tokens));
  } else if (answer.finish == infer::Finish::kContextLimit) {
    note(fmt::format("the answer was cut off: conversation and answer fill the model's context of {} tokens",
                     pretrained_.model->config().llm.max_position_embeddings));
  } else if (answer.text.empty()) {
    note("the answer is empty");
  }
}

/// Once: a large tokenizer writes rare scripts like that, and its model knows them; a small one writes half the
/// alphabet like that, and its model has never seen it.
void ChatSession::note_characters(const std::string& words) {
  if (noted_characters_) return;
  const auto& tokenizer = pretrained_.tokenizer;
  const auto characters = text::characters_without_token(tokenizer, tokenizer.encode(words, /*add_bos=*/false));
  if (characters.empty()) return;
  note(fmt::format(
      "the tokenizer has no token for {}: such characters are encoded as bytes, and the model may not know them",
      text::list_characters(characters)));
  noted_characters_ = true;
}

void ChatSession::greet() const {
  std::cout << "Ask a question. An empty line or Ctrl-D ends the program; /help lists the commands.\n";
  if (options_.prompt_template->is_caption) {
    std::cout << fmt::format("Each line is a separate question, without a history (template \"{}\").\n",
                             options_.prompt_template->name);
  } else {
    std::cout << "For a short answer, end the question with: " << text::kShortAnswerRequest << "\n";
  }
}

void ChatSession::show(const std::string& path) {
  pretrained_.model->config().tower();  // throws where the model has none
  question_.image = image::load_image(path);
  question_.turns.clear();
}

void ChatSession::command(std::string_view line) {
  const std::string_view name = line.substr(0, line.find_first_of(" \t"));
  const std::string argument(core::strip(line.substr(name.size())));
  if (name == "/image" && !argument.empty()) {
    const std::string path = core::expand_path(argument);
    show(path);
    std::cout << "A new conversation, about " << path << "." << std::endl;
  } else if (name == "/reset" && argument.empty()) {
    question_.turns.clear();
    std::cout << "A new conversation" << (question_.image ? ", about the same image." : ".") << std::endl;
  } else if (name == "/help" && argument.empty()) {
    std::cout << kCommands << std::flush;
  } else {
    throw ConfigError("", "unknown command", line, kExpectedCommand);
  }
}

void ChatSession::converse(std::istream& input) {
  greet();
  for (;;) {
    std::cout << "> " << std::flush;
    const auto line = next_line(input);
    if (!line) return;
    try {
      if (line->starts_with('/')) {
        command(*line);
      } else if (ask(line->starts_with(" /") ? line->substr(1) : *line) == infer::Finish::kContextLimit) {
        note(kAdvice);
      }
    } catch (const infer::ContextError& error) {
      note(question_.turns.empty() ? error.what() : fmt::format("{}; {}", error.what(), kAdvice));
    } catch (const ConfigError& error) {
      note(error.what());
    } catch (const DataError& error) {
      note(error.what());
    }
  }
}

}  // namespace convllava::apps
