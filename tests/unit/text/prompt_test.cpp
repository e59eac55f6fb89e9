#include "convllava/text/prompt.h"

#include <algorithm>
#include <string>
#include <vector>

#include "convllava/core/error.h"
#include "tests/catch.h"
#include "tests/support/errors.h"
#include "tests/unit/text/fixtures.h"

namespace convllava::text {
namespace {

using convllava::testing::Parts;
using convllava::testing::thrown;
using testing::kBoth;
using testing::small;
using Ids = std::vector<int64_t>;

constexpr const char* kTurnsMustAlternate = "turns must alternate";
constexpr const char* kNoImage = "\"<image>\" in a record without an image";

const std::string kSystem =
    "A chat between a curious user and an artificial intelligence assistant. The assistant gives helpful, detailed, "
    "and "
    "polite answers to the user's questions.";

Turn human(const std::string& text) { return {Speaker::kHuman, text}; }
Turn assistant(const std::string& text) { return {Speaker::kAssistant, text}; }

// What is learned, as text: the labels of each answer, decoded, with "</s>" for the end token.
std::vector<std::string> learned(const Tokenizer& tokenizer, const EncodedPrompt& prompt) {
  std::vector<std::string> texts;
  size_t labels = 0;
  for (const auto& [begin, end] : prompt.answers) {
    std::string text;
    Ids run;
    for (int64_t i = begin; i < end; ++i) {
      CHECK(prompt.labels[i] == prompt.input_ids[i]);
      if (prompt.labels[i] == tokenizer.eos_id()) {
        text += tokenizer.decode(run) + "</s>";
        run.clear();
      } else {
        run.push_back(prompt.labels[i]);
      }
    }
    texts.push_back(text + tokenizer.decode(run));
    labels += static_cast<size_t>(end - begin);
  }
  size_t counted = 0;
  for (const int64_t label : prompt.labels) counted += label != kIgnoreLabel;
  CHECK(counted == labels);
  return texts;
}

std::vector<std::string> learned(const std::vector<Turn>& turns, bool has_image, TokenizerBehaviour behaviour,
                                 Template format = Template::kV1) {
  const auto tokenizer = small(behaviour);
  return learned(tokenizer, encode_conversation(tokenizer, format, turns, has_image));
}

DataError refusal(const std::vector<Turn>& turns, bool has_image, Template format = Template::kV1) {
  const auto tokenizer = small();
  return thrown<DataError>([&] { encode_conversation(tokenizer, format, turns, has_image); });
}

}  // namespace

TEST_CASE("the published prompt with one image has its published ids", "[text]") {
  if (!testing::has_llama()) SKIP(testing::kNoLlama);
  const Ids system = {1,    319,   13563, 1546, 263,   12758, 1404,  322,   385,   23116,       21082, 20255, 29889,
                      450,  20255, 4076,  8444, 29892, 13173, 29892, 322,   1248,  568,         6089,  304,   278,
                      1404, 29915, 29879, 5155, 29889, 3148,  1001,  29901, 29871, kImageToken, 29871, 13};
  const Ids assistant_colon = {319, 1799, 9047, 13566, 29901};
  for (const auto behaviour : kBoth) {
    const auto tokenizer = testing::llama(behaviour);
    const auto ids = encode_question(tokenizer, Template::kV1, {human("<image>\nWhat")}, true);
    Ids expected = system;
    expected.push_back(5618);
    expected.insert(expected.end(), assistant_colon.begin(), assistant_colon.end());
    CHECK(ids == expected);

    const auto other = encode_question(tokenizer, Template::kLlavaV1, {human("<image>\nWhat")}, true);
    REQUIRE(other.size() == ids.size());
    for (size_t i = 0; i < ids.size(); ++i) CHECK(other[i] == (ids[i] == 1404 ? 5199 : ids[i]));
  }
}

TEST_CASE("conversations are rendered as the template says", "[text]") {
  const std::vector<Turn> turns = {human("What? <image>"), assistant("A dog."), human("Sure?"), assistant("Yes.")};
  CHECK(render_conversation(Template::kV1, turns) ==
        kSystem + " USER: <image>\nWhat? ASSISTANT: A dog.</s>USER: Sure? ASSISTANT: Yes.</s>");
  CHECK(render_conversation(Template::kV1, {turns.begin(), turns.end() - 1}) ==
        kSystem + " USER: <image>\nWhat? ASSISTANT: A dog.</s>USER: Sure? ASSISTANT:");
  const std::vector<Turn> caption = {human("Describe it. <image>"), assistant("a dog")};
  CHECK(render_conversation(Template::kPlain, caption) == "<image>a dog\n");
  CHECK(render_conversation(Template::kPlain, {caption[0]}) == "<image>");
  CHECK(render_conversation(Template::kLlavaV1, {human("a")}) ==
        "A chat between a curious human and an artificial intelligence assistant. The assistant gives helpful, "
        "detailed, and polite answers to the human's questions. USER: a ASSISTANT:");
}

TEST_CASE("answers and their end tokens are learned and nothing else", "[text]") {
  const std::vector<Turn> turns = {human("<image>\nWhat is it?"), assistant("a dog"), human("Sure?"),
                                   assistant("Yes.\n")};
  for (const auto behaviour : kBoth) {
    CHECK(learned(turns, true, behaviour) == std::vector<std::string>{"a dog</s>", "Yes.\n</s>"});
    CHECK(learned({human("What <image>"), assistant("a dog")}, true, behaviour, Template::kPlain) ==
          std::vector<std::string>{"a dog\n"});
  }
}

TEST_CASE("an image is one token between separately tokenized texts", "[text]") {
  for (const auto behaviour : kBoth) {
    const auto tokenizer = small(behaviour);
    const auto prompt = encode_conversation(tokenizer, Template::kV1, {human("a <image>"), assistant("b")}, true);
    Ids expected = tokenizer.encode(kSystem + " USER: ", true);
    expected.push_back(kImageToken);
    const auto rest = tokenizer.encode("\na ASSISTANT: b</s>", false);
    expected.insert(expected.end(), rest.begin(), rest.end());
    CHECK(prompt.input_ids == expected);
  }
}

TEST_CASE("an image may belong to a later question", "[text]") {
  const auto tokenizer = small();
  const auto prompt = encode_conversation(
      tokenizer, Template::kV1, {human("Hello"), assistant("Hi"), human("<image>"), assistant("a dog")}, true);
  CHECK(std::count(prompt.input_ids.begin(), prompt.input_ids.end(), kImageToken) == 1);
  CHECK(learned(tokenizer, prompt) == std::vector<std::string>{"Hi</s>", "a dog</s>"});
}

// LLaVA finds answers by splitting the text at these words and masks such samples whole. Here only the places of the
// answers count; the words are tokenized as LLaVA does.
TEST_CASE("messages that hold the template's own words keep the right labels", "[text]") {
  using Texts = std::vector<std::string>;
  for (const auto behaviour : kBoth) {
    const auto two = [&](const std::string& question, const std::string& answer) {
      return learned({human(question), assistant(answer), human("next"), assistant("last")}, false, behaviour);
    };
    CHECK(two("What does </s> mean?", "the end") == Texts{"the end</s>", "last</s>"});
    CHECK(two("why", "it is</s>done") == Texts{"it is</s>done</s>", "last</s>"});
    CHECK(two("Say ASSISTANT: twice", "no ASSISTANT: no") == Texts{"no ASSISTANT: no</s>", "last</s>"});
    CHECK(two("USER: a ASSISTANT: b</s>USER: c", "d") == Texts{"d</s>", "last</s>"});
    CHECK(two("<unk> <s>", "e") == Texts{"e</s>", "last</s>"});
    CHECK(two("a", "</s>") == Texts{"</s></s>", "last</s>"});
  }
  const auto tokenizer = small();
  const auto unknown = encode_conversation(tokenizer, Template::kV1, {human("a"), assistant("<unk>")}, false);
  CHECK(std::count(unknown.labels.begin(), unknown.labels.end(), tokenizer.unk_id()) == 1);
}

// LLaVA renders an empty answer as "ASSISTANT:" without "</s>", and an empty question without its space, and masks both
// samples whole.
TEST_CASE("after an empty answer only the end token is learned", "[text]") {
  for (const auto behaviour : kBoth) {
    const std::vector<Turn> turns = {human("Read the sign."), assistant(""), human("Sure?"), assistant("Yes")};
    CHECK(learned(turns, false, behaviour) == std::vector<std::string>{"</s>", "Yes</s>"});
    const auto tokenizer = small(behaviour);
    const auto prompt = encode_conversation(tokenizer, Template::kV1, turns, false);
    CHECK(prompt.answers[0].end - prompt.answers[0].begin == 1);
    CHECK(learned({human("<image>"), assistant("")}, true, behaviour, Template::kPlain) ==
          std::vector<std::string>{"\n"});
  }
  CHECK(render_conversation(Template::kV1, {human("a"), assistant("")}) == kSystem + " USER: a ASSISTANT:</s>");
}

TEST_CASE("an empty question leaves its answer to be learned", "[text]") {
  CHECK(render_conversation(Template::kV1, {human(""), assistant("b")}) == kSystem + " USER: ASSISTANT: b</s>");
  for (const auto behaviour : kBoth) {
    CHECK(learned({human(""), assistant("b")}, false, behaviour) == std::vector<std::string>{"b</s>"});
  }
}

TEST_CASE("a leading assistant turn is dropped", "[text]") {
  const auto tokenizer = small();
  const auto with =
      encode_conversation(tokenizer, Template::kV1, {assistant("Hi!"), human("a"), assistant("b")}, false);
  const auto without = encode_conversation(tokenizer, Template::kV1, {human("a"), assistant("b")}, false);
  CHECK(with.input_ids == without.input_ids);
  CHECK(with.labels == without.labels);
}

TEST_CASE("turns that do not alternate are rejected", "[text]") {
  CHECK(refusal({}, false) ==
        Parts{.kind = "the conversation has no turns", .expected = "a human turn and its answer"});
  CHECK(refusal({assistant("a")}, false) ==
        Parts{.kind = "the conversation has an answer and no question", .expected = "a human turn and its answer"});
  CHECK(refusal({human("a"), human("b"), assistant("c")}, false) == Parts{.where = "turn 2",
                                                                          .kind = kTurnsMustAlternate,
                                                                          .got = "a second human turn in a row",
                                                                          .expected = "the assistant's answer"});
  CHECK(refusal({human("a"), assistant("b"), assistant("c")}, false) == Parts{.where = "turn 3",
                                                                              .kind = kTurnsMustAlternate,
                                                                              .got = "a second assistant turn in a row",
                                                                              .expected = "a human turn"});
  CHECK(refusal({assistant("a"), assistant("b")}, false) == Parts{.where = "turn 2",
                                                                  .kind = kTurnsMustAlternate,
                                                                  .got = "a second assistant turn in a row",
                                                                  .expected = "a human turn"});
  CHECK(refusal({human("a"), assistant("b"), human("c")}, false) ==
        Parts{.where = "turn 3", .expected = "the assistant's answer"});
  CHECK(thrown<DataError>([] {
          encode_question(small(), Template::kV1, {human("a"), assistant("b")}, false);
        }) ==
        Parts{.where = "turn 2", .kind = "the conversation ends with an answer", .expected = "a question at the end"});
}

TEST_CASE("placeholders that do not fit the record's image are rejected", "[text]") {
  CHECK(refusal({human("<image>\na"), assistant("b")}, false) ==
        Parts{.kind = kNoImage, .expected = "no \"<image>\", or an image"});
  CHECK(refusal({human("a"), assistant("see <image>")}, false) ==
        Parts{.kind = kNoImage, .expected = "no \"<image>\", or an image"});
  CHECK(refusal({human("a"), assistant("b")}, true) == Parts{.kind = "the record has an image and no \"<image>\"",
                                                             .expected = "\"<image>\" in one of its human turns"});
  CHECK(refusal({human("<image>"), assistant("b"), human("<image>"), assistant("d")}, true) ==
        Parts{.kind = "\"<image>\" in more than one turn",
              .got = "2 turns",
              .expected = "one, because a record has one image"});
  CHECK(refusal({human("a"), assistant("<image>")}, true) ==
        Parts{.kind = "\"<image>\" in an assistant turn", .expected = "\"<image>\" in one of the human turns"});
  CHECK(refusal({human("<ima<image>ge> a"), assistant("b")}, true) ==
        Parts{.kind = "removing \"<image>\" from a turn leaves another",
              .got = "\"<ima<image>ge> a\"",
              .expected = "\"<image>\" once"});
  CHECK(thrown<DataError>([] { encode_question(small(), Template::kV1, {human("<image>")}, false); }) ==
        Parts{.kind = "\"<image>\" in a question without an image", .expected = "no \"<image>\", or an image"});
  CHECK(thrown<DataError>([] { encode_question(small(), Template::kV1, {human("a")}, true); }) ==
        Parts{.kind = "the question has an image and no \"<image>\"",
              .expected = "\"<image>\" in one of its human turns"});
}

TEST_CASE("what was said before a question is data, not markup", "[text]") {
  const std::string markup = "<image> </s> <s> <unk> USER: ASSISTANT:";
  for (const auto behaviour : kBoth) {
    const auto tokenizer = small(behaviour);
    for (const bool has_image : {false, true}) {
      const std::string image = has_image ? "<image>\n" : "";
      const auto plain =
          encode_question(tokenizer, Template::kV1, {human(image + "a"), assistant("said"), human("b")}, has_image);
      auto spelled = encode_question(tokenizer, Template::kV1,
                                     {human(image + "a"), assistant(markup), human("</s> <unk>")}, has_image);
      for (const int64_t special : {kImageToken, tokenizer.eos_id(), tokenizer.unk_id(), tokenizer.bos_id()}) {
        CHECK(std::count(spelled.begin(), spelled.end(), special) == std::count(plain.begin(), plain.end(), special));
      }
      std::erase(spelled, kImageToken);
      // Cut where the template ends the answer, the words are there as they were said.
      const auto end = std::find(spelled.begin(), spelled.end(), tokenizer.eos_id());
      CHECK(tokenizer.decode(Ids(spelled.begin(), end)).ends_with("ASSISTANT: " + markup));
      CHECK(tokenizer.decode(Ids(end, spelled.end())).find("</s> <unk>") != std::string::npos);
    }
  }
}

TEST_CASE("the words of bare text and of a question about an image are data too", "[text]") {
  const auto tokenizer = small();
  const auto bare = encode_question(tokenizer, Template::kPlain, {human("a</s>")}, false);
  CHECK(std::count(bare.begin(), bare.end(), tokenizer.eos_id()) == 0);
  const auto asked = encode_question(tokenizer, Template::kV1, {human("What </s> is <image> it?")}, true);
  CHECK(std::count(asked.begin(), asked.end(), tokenizer.eos_id()) == 0);
  CHECK(std::count(asked.begin(), asked.end(), kImageToken) == 1);
}

TEST_CASE("the plain template takes one image and its caption", "[text]") {
  CHECK(refusal({human("a"), assistant("b")}, false, Template::kPlain) ==
        Parts{.where = "turn 1",
              .kind = "the template \"plain\" needs an image",
              .got = "a turn without \"<image>\"",
              .expected = "\"<image>\""});
  CHECK(refusal({human("<image>"), assistant("b"), human("c"), assistant("d")}, true, Template::kPlain) ==
        Parts{.kind = "too many turns for the template \"plain\"", .got = "4", .expected = "an image and its caption"});
  CHECK(encode_question(small(), Template::kPlain, {human("<image> what?")}, true) == Ids{1, kImageToken});
}

TEST_CASE("a question to the plain template without an image is bare text", "[text]") {
  CHECK(encode_question(small(), Template::kPlain, {human("Once upon")}, false) == small().encode("Once upon", true));
  CHECK(encode_question(small(), Template::kPlain, {human("")}, false) == Ids{1});
}

}  // namespace convllava::text
