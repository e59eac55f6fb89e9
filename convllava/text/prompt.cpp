#include "convllava/text/prompt.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "convllava/core/error.h"

namespace convllava::text {
namespace {

enum class Use { kTraining, kQuestion };

// A prompt as text.
struct Prompt {
  std::string text;
  std::vector<TextRange> answers;  // with loss: from the gap after `assistant` through `answer_end` (templates.h)
  std::vector<TextRange> words;    // the messages of a question, in which special tokens are ordinary text
  bool add_bos = true;
};

[[noreturn]] void fail(std::string_view where, std::string_view kind, std::string_view got, std::string_view expected) {
  throw DataError(where, kind, got, expected);
}

bool has_placeholder(const Turn& turn) { return turn.text.find(kImagePlaceholder) != std::string::npos; }

// The turns from the first human turn on. Checks that they alternate and that `last` speaks last. Turn numbers in
// messages count from 1, with a dropped turn, as in the file.
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
      fail(where, "the conversation ends with a human turn", "", "the assistant's answer");
    }
    fail(where, "the conversation ends with an answer", "", "a question at the end");
  }
  return kept;
}

// With an image, exactly one human turn has a placeholder; without an image, none. In a question, the answers are
// output of a model, and any text is allowed.
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

// LLaVA omits the separator too after an empty message, and then masks the whole sample: an empty answer has no </s>,
// an empty question hides " ASSISTANT: ".
void append_message(Prompt& prompt, const ChatTemplate& format, const Turn& turn) {
  const bool human = turn.speaker == Speaker::kHuman;
  const auto message = human ? normalize_image_placeholder(turn.text) : turn.text;
  std::string& text = prompt.text;
  text += human ? format.human : format.assistant;
  const size_t begin = text.size();
  if (!message.empty()) text.append(format.gap).append(message);
  const size_t end = text.size();
  const bool image = human && has_placeholder(turn);
  prompt.words.push_back({end - message.size() + (image ? kImagePlaceholder.size() : 0), end});
  text += human ? format.human_end : format.answer_end;
  if (human) return;
  prompt.answers.push_back({begin, text.size()});
  text += format.after_answer;
}

Prompt chat_prompt(const ChatTemplate& format, const std::vector<Turn>& turns) {
  Prompt prompt{std::string(format.system), {}, {}};
  for (const auto& turn : turns) append_message(prompt, format, turn);
  if (turns.back().speaker == Speaker::kHuman) prompt.text += format.assistant;
  return prompt;
}

// A lone turn without an image is text to continue, for language models that were never tuned to chat.
Prompt caption_prompt(const ChatTemplate& format, const std::vector<Turn>& turns) {
  if (turns.size() > 2) {
    fail("", fmt::format("too many turns for the template \"{}\"", format.name), std::to_string(turns.size()),
         "an image and its caption");
  }
  if (turns.size() == 1 && !has_placeholder(turns[0])) return {turns[0].text, {}, {{0, turns[0].text.size()}}};
  if (!has_placeholder(turns[0])) {
    fail("turn 1", fmt::format("the template \"{}\" needs an image", format.name), "a turn without \"<image>\"",
         "\"<image>\"");
  }
  Prompt prompt{std::string(kImagePlaceholder), {}, {}};
  if (turns.size() == 2) {
    prompt.text.append(turns[1].text).append(format.answer_end);
    prompt.answers.push_back({kImagePlaceholder.size(), prompt.text.size()});
  }
  return prompt;
}

Prompt make_prompt(Template format, const std::vector<Turn>& turns, Use use) {
  auto prompt = format->is_caption ? caption_prompt(*format, turns) : chat_prompt(*format, turns);
  prompt.add_bos = format->add_bos;
  if (use == Use::kTraining) prompt.words.clear();
  return prompt;
}

// Where the next image is in the text from `begin` on, or the end of the text.
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
  if (prompt.add_bos) append(tokenizer.bos_id(), 0);
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
