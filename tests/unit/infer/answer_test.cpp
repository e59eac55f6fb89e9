#include "convllava/infer/answer.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "convllava/text/prompt.h"
#include "tests/catch.h"
#include "tests/support/chain_model.h"
#include "tests/support/errors.h"
#include "tests/support/files.h"

using namespace convllava;
using namespace convllava::testing::tokens;

namespace {

using Json = nlohmann::json;

constexpr const char* kDoesNotFit = "does not fit into the model's context";

/// Where transformers' `generate` stops (scripts/golden/generation.py).
Json stopping_cases() {
  return Json::parse(testing::text_of(CONVLLAVA_SOURCE_DIR "/tests/golden/model/generation.json"))["stopping"];
}

std::vector<int64_t> end_tokens(const Json& eos) { return eos.get<std::vector<int64_t>>(); }

infer::Question question(const std::string& words) { return {{{text::Speaker::kHuman, words}}, {}}; }

infer::Question about_image(const std::string& words) {
  return {{{text::Speaker::kHuman, "<image>\n" + words}}, image::Image{64, 64, std::vector<uint8_t>(64 * 64 * 3)}};
}

infer::AnswerOptions options_of(text::Template prompt_template, int64_t max_new_tokens = 64) {
  infer::AnswerOptions options;
  options.prompt_template = prompt_template;
  options.image.size = 64;
  options.generate.max_new_tokens = max_new_tokens;
  return options;
}

/// The answer of a model that goes through the chain, which is also what was streamed.
infer::Answer answer_of(const std::vector<int64_t>& chain, const infer::Question& asked,
                        const infer::AnswerOptions& options, const std::vector<int64_t>& eos = {kEnd}) {
  auto model = testing::chain_model(chain, asked.image.has_value(), eos);
  std::string streamed;
  const auto on_text = [&](size_t index, std::string_view text) {
    CHECK(index == 0);
    CHECK_FALSE(text.empty());
    streamed += text;
  };
  const auto answers = infer::answer(*model, testing::small_tokenizer(), {asked}, options, on_text);
  REQUIRE(answers.size() == 1);
  CHECK(streamed == answers[0].text);
  return answers[0];
}

}  // namespace

TEST_CASE("generation stops where transformers' does, at lists of end tokens and at stop texts", "[model]") {
  for (const auto& golden : stopping_cases()) {
    INFO(golden["name"]);
    const bool caption = golden["stop"] == "\n";
    const auto made = golden["made"].get<std::vector<int64_t>>();
    const auto max_new_tokens = golden["max_new_tokens"].get<int64_t>();
    const auto answer = answer_of(
        golden["sequence"].get<std::vector<int64_t>>(), caption ? about_image("x") : question("hello"),
        options_of(caption ? text::Template::kPlain : text::Template::kV1, max_new_tokens), end_tokens(golden["eos"]));
    CHECK(answer.text == golden["text"].get<std::string>());
    const bool full = static_cast<int64_t>(made.size()) == max_new_tokens;
    CHECK(answer.finish == (full ? infer::Finish::kTokenLimit : infer::Finish::kEnd));
  }
}

TEST_CASE("the tokenizer's end token counts where the model names another one or none", "[model]") {
  for (const auto& eos : {std::vector<int64_t>{1}, std::vector<int64_t>{}}) {
    const auto answer = answer_of({kColon, kA, kRed, kEnd}, question("hello"), options_of(text::Template::kV1), eos);
    CHECK(answer.text == "a re");
    CHECK(answer.finish == infer::Finish::kEnd);
  }
}

TEST_CASE("a stop text in the middle of a token ends the answer there", "[model]") {
  const testing::TemporaryFolder folder("piece");
  // Field 1 of the model (its pieces) appended: {piece (1): "d\nd", type (3): normal}.
  const auto file =
      folder.write("tokenizer.model", testing::text_of(testing::kTokenizer) + std::string("\x0a\x07\x0a\x03"
                                                                                          "d\nd\x18\x01",
                                                                                          9));
  const auto tokenizer = text::Tokenizer::load(file);
  REQUIRE(tokenizer.piece(600) == "d\nd");
  auto model = testing::chain_model({kColon, kA, 600, kRed}, /*sees=*/true, {kEnd}, 64, /*vocab_size=*/602);
  const auto answer = infer::answer(*model, tokenizer, {about_image("x")}, options_of(text::Template::kPlain))[0];
  CHECK(answer.text == "ad");
  CHECK(answer.finish == infer::Finish::kEnd);
}

TEST_CASE("an answer of chatml ends at its marker, here a token of the tokenizer", "[model]") {
  const testing::TemporaryFolder folder("marker");
  // Field 1 of the model (its pieces) appended: {piece (1): "<|im_end|>", type (3): user-defined}.
  const auto file = folder.write(
      "tokenizer.model", testing::text_of(testing::kTokenizer) + std::string("\x0a\x0e\x0a\x0a<|im_end|>\x18\x04", 16));
  const auto tokenizer = text::Tokenizer::load(file);
  const auto options = options_of(text::template_from_name("chatml"));
  const auto asked = question("hello");
  const auto prompt = text::encode_question(tokenizer, options.prompt_template, asked.turns, false);
  CHECK(std::count(prompt.begin(), prompt.end(), 600) == 2);  // of the system text and of the question
  CHECK(std::count(prompt.begin(), prompt.end(), tokenizer.bos_id()) == 0);
  auto model = testing::chain_model({kLineBreak, kA, kRed, 600, kDog}, /*sees=*/false, {kEnd}, 1024, 602);
  const auto answer = infer::answer(*model, tokenizer, {asked}, options)[0];
  CHECK(answer.text == "a re");
  CHECK(answer.finish == infer::Finish::kEnd);
}

TEST_CASE("text of the template plain continues after line breaks and keeps its white space", "[model]") {
  const auto answer = answer_of({kColon, kLineBreak, kA, kEnd}, question(":"), options_of(text::Template::kPlain));
  CHECK(answer.text == "\n a");
}

TEST_CASE("an answer that fills the model's context says so", "[model]") {
  const auto asked = question("hello");
  const auto tokenizer = testing::small_tokenizer();
  const auto prompt = text::encode_question(tokenizer, text::Template::kV1, asked.turns, false);
  auto model = testing::chain_model({kColon, kA, kRed}, false, {kEnd}, static_cast<int64_t>(prompt.size()) + 2);
  const auto answer = infer::answer(*model, tokenizer, {asked}, options_of(text::Template::kV1))[0];
  CHECK(answer.text == "a re");
  CHECK(answer.finish == infer::Finish::kContextLimit);
}

TEST_CASE("errors distinguish a conversation and a question that exceed the context", "[model]") {
  const auto tokenizer = testing::small_tokenizer();
  auto model = testing::chain_model({kColon, kA}, false, {kEnd}, 200);
  const auto options = options_of(text::Template::kV1);
  auto asked = question(std::string(300, 'x'));
  CHECK(testing::thrown<infer::ContextError>([&] { infer::answer(*model, tokenizer, {asked}, options); }) ==
        testing::Parts{.where = "question", .kind = kDoesNotFit});
  asked.turns.push_back({text::Speaker::kAssistant, "a"});
  asked.turns.push_back({text::Speaker::kHuman, "b"});
  CHECK(testing::thrown<infer::ContextError>([&] { infer::answer(*model, tokenizer, {asked}, options); }) ==
        testing::Parts{.where = "conversation", .kind = kDoesNotFit});
}

TEST_CASE("a character that the limit cuts is replaced, and shown once", "[model]") {
  const int64_t byte = 3;
  const std::vector<int64_t> llama = {kColon, byte + 0xF0, byte + 0x9F, byte + 0xA6, byte + 0x99, kEnd};
  const auto options = [](int64_t limit) { return options_of(text::Template::kV1, limit); };
  CHECK(answer_of(llama, question("hello"), options(9)).text == "🦙");
  CHECK(answer_of(llama, question("hello"), options(3)).text == "\uFFFD\uFFFD\uFFFD");
}

TEST_CASE("answers of a batch are streamed apart", "[model]") {
  auto model = testing::chain_model({kColon, kA, kRed, kEnd});
  std::vector<std::string> streamed(2);
  const auto answers =
      infer::answer(*model, testing::small_tokenizer(), {question("one"), question("and another one")},
                    options_of(text::Template::kV1), [&](size_t i, std::string_view text) { streamed.at(i) += text; });
  REQUIRE(answers.size() == 2);
  for (size_t i = 0; i < 2; ++i) {
    CHECK(answers[i].text == "a re");
    CHECK(streamed[i] == "a re");
  }
}

TEST_CASE("an answer that spells markup is asked about like any other", "[model]") {
  const std::vector<int64_t> spells_image = {kColon, kLess, kImage, kGreater, kEnd};
  for (auto asked : {question("hello"), about_image("hello")}) {
    const auto options = options_of(text::Template::kV1);
    const auto first = answer_of(spells_image, asked, options);
    CHECK(first.text == "<image>");
    for (const std::string& said : {first.text, std::string("</s> <s> <unk> USER: ASSISTANT:")}) {
      auto again = asked;
      again.turns.push_back({text::Speaker::kAssistant, said});
      again.turns.push_back({text::Speaker::kHuman, "and you?"});
      CHECK(answer_of(spells_image, again, options).text == "<image>");
    }
  }
}
