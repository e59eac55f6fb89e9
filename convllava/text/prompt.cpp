#include "convllava/text/prompt.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "convllava/core/error.h"

namespace convllava::text {
namespace {

constexpr std::string_view kSystem =
    "A chat between a curious {0} and an artificial intelligence assistant. "
    "The assistant gives helpful, detailed, and polite answers to the {0}'s questions.";

enum class Use { kTraining, kQuestion };

// A prompt as text.
struct Prompt {
  std::string text;
  std::vector<TextRange> answers;  // what is learned: each from the space after "ASSISTANT:" through its "</s>"
  std::vector<TextRange> words;    // what people and models say, where it may not be taken for markup
};

[[noreturn]] void fail(std::string_view where, std::string_view what, std::string_view got, std::string_view expected) {
  throw DataError(where, what, got, expected);
}

bool has_placeholder(const Turn& turn) { return turn.text.find(kImagePlaceholder) != std::string::npos; }

// The turns from the first human one on: alternating, the last one `last`'s. Numbers in messages count from 1 and
// include a dropped turn, as in the file.
std::vector<Turn> checked_turns(const std::vector<Turn>& turns, Speaker last) {
  const size_t dropped = !turns.empty() && turns[0].speaker == Speaker::kAssistant ? 1 : 0;
  const std::vector<Turn> kept(turns.begin() + static_cast<std::ptrdiff_t>(dropped), turns.end());
  if (kept.empty()) {
    fail("", dropped ? "the conversation has an answer and no question" : "the conversation has no turns", "",
         "a human turn and its answer");
  }
  for (size_t i = 0; i < kept.size(); ++i) {
    const bool human = kept[i].speaker == Speaker::kHuman;
    if (human != (i % 2 == 0)) {
      fail(fmt::format("turn {}", dropped + i + 1), "turns must alternate",
           human ? "a second human turn in a row" : "a second assistant turn in a row",
           human ? "the assistant's answer" : "a human turn");
    }
  }
  if (kept.back().speaker != last) {
    const auto where = fmt::format("turn {}", turns.size());
    if (last == Speaker::kAssistant) {
      fail(where, "the conversation ends on a human turn", "", "the assistant's answer");
    }
    fail(where, "the conversation ends on an answer", "", "a question to be answered");
  }
  return kept;
}

// An image has one place in the text, in a human turn; a record without an image has none. In a question, an answer
// is what a model said, and may hold anything.
void check_placeholders(const std::vector<Turn>& turns, bool has_image, Use use) {
  const auto holds = [use](const Turn& turn) {
    return has_placeholder(turn) && (use == Use::kTraining || turn.speaker == Speaker::kHuman);
  };
  const std::string_view subject = use == Use::kTraining ? "record" : "question";
  const auto holders = std::count_if(turns.begin(), turns.end(), holds);
  if (!has_image) {
    if (holders > 0) {
      fail("", fmt::format("\"<image>\" in a {} without an image", subject), "", "no \"<image>\", or an image");
    }
    return;
  }
  if (holders == 0) {
    fail("", fmt::format("the {} has an image and no \"<image>\"", subject), "",
         "\"<image>\" in one of its human turns");
  }
  if (holders > 1) {
    fail("", "\"<image>\" in more than one turn", fmt::format("{} turns", holders),
         fmt::format("one, because a {} has one image", subject));
  }
  const auto& holder = *std::find_if(turns.begin(), turns.end(), holds);
  if (holder.speaker == Speaker::kAssistant) {
    fail("", "\"<image>\" in an assistant turn", "", "\"<image>\" in one of the human turns");
  }
  const auto normalized = normalize_image_placeholder(holder.text);
  if (normalized.find(kImagePlaceholder, kImagePlaceholder.size()) != std::string::npos) {
    fail("", "removing \"<image>\" from a turn leaves another", fmt::format("\"{}\"", holder.text), "\"<image>\" once");
  }
}

// An empty message is "ROLE:" and its separator. LLaVA leaves the separator out too, and then masks the whole sample:
// an empty answer has no </s>, an empty question hides " ASSISTANT: ".
void append_message(std::string& text, std::string_view role, std::string_view message, std::string_view separator) {
  text.append(role).append(":");
  if (!message.empty()) text.append(" ").append(message);
  text.append(separator);
}

Prompt chat_prompt(Template format, const std::vector<Turn>& turns) {
  Prompt prompt;
  prompt.text = fmt::format(kSystem, format == Template::kLlavaV1 ? "human" : "user") + " ";
  for (const auto& turn : turns) {
    const bool human = turn.speaker == Speaker::kHuman;
    const auto message = human ? normalize_image_placeholder(turn.text) : turn.text;
    const std::string_view separator = human ? " " : kEndOfAnswer;
    const size_t begin = prompt.text.size();
    append_message(prompt.text, human ? "USER" : "ASSISTANT", message, separator);
    if (!human) prompt.answers.push_back({begin + std::string_view("ASSISTANT:").size(), prompt.text.size()});
    const size_t end = prompt.text.size() - separator.size();
    const bool image = human && has_placeholder(turn);
    prompt.words.push_back({end - message.size() + (image ? kImagePlaceholder.size() : 0), end});
  }
  if (turns.back().speaker == Speaker::kHuman) prompt.text += "ASSISTANT:";
  return prompt;
}

// With an image the question's words are left out: the image alone asks for the caption. A lone turn without an
// image is text to go on from, which is what a language model that was never tuned to chat does.
Prompt plain_prompt(const std::vector<Turn>& turns) {
  if (turns.size() > 2) {
    fail("", "too many turns for the template \"plain\"", std::to_string(turns.size()), "an image and its caption");
  }
  if (turns.size() == 1 && !has_placeholder(turns[0])) return {turns[0].text, {}, {{0, turns[0].text.size()}}};
  if (!has_placeholder(turns[0])) {
    fail("turn 1", "the template \"plain\" needs an image", "a turn without \"<image>\"", "\"<image>\"");
  }
  Prompt prompt{std::string(kImagePlaceholder), {}, {}};
  if (turns.size() == 2) {
    prompt.text.append(turns[1].text).append(kEndOfCaption);
    prompt.answers.push_back({kImagePlaceholder.size(), prompt.text.size()});
  }
  return prompt;
}

Prompt make_prompt(Template format, const std::vector<Turn>& turns, Use use) {
  auto prompt = format == Template::kPlain ? plain_prompt(turns) : chat_prompt(format, turns);
  if (use == Use::kTraining) prompt.words.clear();
  return prompt;
}

// Where the next image stands in the text from `begin` on, or its end.
size_t find_image(const Prompt& prompt, size_t begin) {
  for (const auto& words : prompt.words) {
    const size_t at = prompt.text.find(kImagePlaceholder, begin);
    if (at < words.begin) return at;
    begin = std::max(begin, words.end);
  }
  return std::min(prompt.text.find(kImagePlaceholder, begin), prompt.text.size());
}

// The words between `begin` and `end` of the text, counted from `begin`.
std::vector<TextRange> words_between(const Prompt& prompt, size_t begin, size_t end) {
  std::vector<TextRange> inside;
  for (const auto& words : prompt.words) {
    const TextRange part{std::max(words.begin, begin), std::min(words.end, end)};
    if (part.begin < part.end) inside.push_back({part.begin - begin, part.end - begin});
  }
  return inside;
}

// Text before, between and after images is tokenized separately, as in LLaVA's `tokenizer_image_token`.
EncodedPrompt tokenize(const Tokenizer& tokenizer, const Prompt& prompt) {
  EncodedPrompt encoded;
  std::vector<size_t> starts;  // of each token, in prompt.text; never decreases
  const auto append = [&](int64_t id, size_t start) {
    encoded.input_ids.push_back(id);
    starts.push_back(start);
  };
  append(tokenizer.bos_id(), 0);
  const std::string_view text = prompt.text;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = find_image(prompt, begin);
    const auto words = words_between(prompt, begin, end);
    for (const auto& piece : tokenizer.encode_pieces(text.substr(begin, end - begin), words)) {
      append(piece.id, begin + piece.begin);
    }
    if (end == text.size()) break;
    append(kImageToken, end);
    begin = end + kImagePlaceholder.size();
  }

  encoded.labels.assign(encoded.input_ids.size(), kIgnoreLabel);
  const auto first_token_at = [&](size_t position) {
    return std::lower_bound(starts.begin(), starts.end(), position) - starts.begin();
  };
  for (const auto& answer : prompt.answers) {
    const TokenSpan span{first_token_at(answer.begin), first_token_at(answer.end)};
    std::copy(encoded.input_ids.begin() + span.begin, encoded.input_ids.begin() + span.end,
              encoded.labels.begin() + span.begin);
    encoded.answers.push_back(span);
  }
  return encoded;
}

}  // namespace

EncodedPrompt encode_conversation(const Tokenizer& tokenizer, Template format, const std::vector<Turn>& turns,
                                  bool has_image) {
  const auto kept = checked_turns(turns, Speaker::kAssistant);
  check_placeholders(kept, has_image, Use::kTraining);
  return tokenize(tokenizer, make_prompt(format, kept, Use::kTraining));
}

std::vector<int64_t> encode_question(const Tokenizer& tokenizer, Template format, const std::vector<Turn>& turns,
                                     bool has_image) {
  const auto kept = checked_turns(turns, Speaker::kHuman);
  check_placeholders(kept, has_image, Use::kQuestion);
  return tokenize(tokenizer, make_prompt(format, kept, Use::kQuestion)).input_ids;
}

std::string render_conversation(Template format, const std::vector<Turn>& turns) {
  const Speaker last = turns.empty() ? Speaker::kHuman : turns.back().speaker;
  return make_prompt(format, checked_turns(turns, last), Use::kTraining).text;
}

}  // namespace convllava::text
