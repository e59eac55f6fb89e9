// Conversations against independent implementations: 1,000 of LLaVA's templates (scripts/golden/text.py), 200 of each
// template that transformers renders (scripts/golden/chat_templates.py).

#include <algorithm>
#include <string>
#include <vector>

#include "convllava/text/prompt.h"
#include "tests/catch.h"
#include "tests/unit/text/fixtures.h"

namespace convllava::text {
namespace {

using testing::golden;
using testing::llama_folder;
using testing::read_json;

struct Conversation {
  Template format;
  bool has_image;
  std::vector<Turn> turns;
};

std::vector<Conversation> read_conversations(const nlohmann::json& file) {
  std::vector<Conversation> conversations;
  for (const auto& entry : file["conversations"]) {
    Conversation conversation{template_from_name(entry[0].get<std::string>()), entry[1].get<bool>(), {}};
    for (const auto& text : entry[2]) {
      const bool human = conversation.turns.size() % 2 == 0;
      conversation.turns.push_back({human ? Speaker::kHuman : Speaker::kAssistant, text.get<std::string>()});
    }
    conversations.push_back(std::move(conversation));
  }
  return conversations;
}

// 64-bit FNV-1a over the length, ids and labels, as 8 bytes each, lowest first.
std::string hash_of(const EncodedPrompt& prompt) {
  uint64_t hash = 0xCBF29CE484222325ULL;
  const auto add = [&](int64_t value) {
    for (int shift = 0; shift < 64; shift += 8) {
      hash = (hash ^ ((static_cast<uint64_t>(value) >> shift) & 0xFF)) * 0x100000001B3ULL;
    }
  };
  add(static_cast<int64_t>(prompt.input_ids.size()));
  for (const int64_t id : prompt.input_ids) add(id);
  for (const int64_t label : prompt.labels) add(label);
  std::string text(16, '0');
  for (int digit = 0; digit < 16; ++digit) text[digit] = "0123456789abcdef"[(hash >> (60 - 4 * digit)) & 15];
  return text;
}

void check_spelled_out(const EncodedPrompt& prompt, const nlohmann::json& expected) {
  CHECK(prompt.input_ids == expected["ids"].get<std::vector<int64_t>>());
  const auto& answers = expected["answers"];
  REQUIRE(prompt.answers.size() == answers.size());
  for (size_t i = 0; i < answers.size(); ++i) {
    CHECK(prompt.answers[i].begin == answers[i][0].get<int64_t>());
    CHECK(prompt.answers[i].end == answers[i][1].get<int64_t>());
  }
}

std::vector<Conversation> llava_conversations() { return read_conversations(read_json(golden("conversations.json"))); }

void check_conversations(const Tokenizer& tokenizer, const std::vector<Conversation>& conversations,
                         const nlohmann::json& expected) {
  const auto hashes = expected["hashes"].get<std::string>();
  const auto& spelled_out = expected["spelled_out"];
  REQUIRE(conversations.size() >= 200);
  REQUIRE(hashes.size() == 16 * conversations.size());
  for (size_t i = 0; i < conversations.size(); ++i) {
    const auto& [format, has_image, turns] = conversations[i];
    CAPTURE(i, render_conversation(format, turns));
    const auto prompt = encode_conversation(tokenizer, format, turns, has_image);
    if (i < spelled_out.size()) check_spelled_out(prompt, spelled_out[i]);
    CHECK(hash_of(prompt) == hashes.substr(16 * i, 16));
  }
}

}  // namespace

TEST_CASE("ids and labels equal LLaVA's with a small tokenizer, non-legacy", "[text]") {
  check_conversations(testing::small(TokenizerBehaviour::kNonLegacy), llava_conversations(),
                      read_json(golden("expected_small.json"))["non_legacy"]);
}

TEST_CASE("ids and labels equal LLaVA's with a small tokenizer, legacy", "[text]") {
  check_conversations(testing::small(TokenizerBehaviour::kLegacy), llava_conversations(),
                      read_json(golden("expected_small.json"))["legacy"]);
}

TEST_CASE("ids and labels equal LLaVA's with LLaMA's tokenizer, non-legacy", "[text]") {
  if (!testing::has_llama()) SKIP(testing::kNoLlama);
  check_conversations(testing::llama(TokenizerBehaviour::kNonLegacy), llava_conversations(),
                      read_json(golden("expected_llama.json"))["non_legacy"]);
}

TEST_CASE("ids and labels equal LLaVA's with LLaMA's tokenizer, legacy", "[text]") {
  if (!testing::has_llama()) SKIP(testing::kNoLlama);
  check_conversations(testing::llama(TokenizerBehaviour::kLegacy), llava_conversations(),
                      read_json(golden("expected_llama.json"))["legacy"]);
}

TEST_CASE("ids and labels of chat templates equal those of transformers", "[text]") {
  const auto file = read_json(golden("chat_templates.json"));
  const auto conversations = read_conversations(file);
  check_conversations(testing::small(TokenizerBehaviour::kNonLegacy), conversations, file["non_legacy"]);
  check_conversations(testing::small(TokenizerBehaviour::kLegacy), conversations, file["legacy"]);
}

TEST_CASE("the text of chat templates, and of the prompt for the last answer, equal those of transformers", "[text]") {
  const auto file = read_json(golden("chat_templates.json"));
  const auto conversations = read_conversations(file);
  const auto& texts = file["texts"];
  REQUIRE(texts.size() == conversations.size());
  for (size_t i = 0; i < texts.size(); ++i) {
    const auto& [format, has_image, turns] = conversations[i];
    CHECK(render_conversation(format, turns) == texts[i][0].get<std::string>());
    CHECK(render_conversation(format, {turns.begin(), turns.end() - 1}) == texts[i][1].get<std::string>());
  }
}

TEST_CASE("the prompt of each question begins the training text of its answer, but for special tokens in words",
          "[text]") {
  const auto tokenizer = testing::small();
  const auto conversations = llava_conversations();
  REQUIRE(conversations.size() == 1000);
  int compared = 0;
  for (const auto& [format, has_image, turns] : conversations) {
    CAPTURE(render_conversation(format, turns));
    const std::vector<Turn> asked(turns.begin(), turns.end() - 1);
    const auto question = encode_question(tokenizer, format, asked, has_image);
    // The odd pieces among the words hold "<s>", which is LLaVA's BOS in a record.
    if (std::any_of(asked.begin(), asked.end(),
                    [](auto& turn) { return turn.text.find("<s>") != std::string::npos; })) {
      CHECK(std::count(question.begin(), question.end(), tokenizer.bos_id()) == 1);
      continue;
    }
    const auto whole = encode_conversation(tokenizer, format, turns, has_image);
    const auto answer = whole.answers.back();
    CHECK(question == std::vector<int64_t>(whole.input_ids.begin(), whole.input_ids.begin() + answer.begin));
    ++compared;
  }
  CHECK(compared > 900);
}

}  // namespace convllava::text
