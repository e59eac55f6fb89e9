#include "convllava/text/sentencepiece_tokenizer.h"

#include <algorithm>
#include <fstream>
#include <vector>

#include "convllava/core/error.h"
#include "tests/catch.h"
#include "tests/support/errors.h"
#include "tests/unit/text/fixtures.h"

namespace convllava::text {
namespace {

using convllava::testing::contains;
using convllava::testing::Parts;
using convllava::testing::thrown;
using testing::golden;
using testing::kBoth;
using testing::llama;
using testing::llama_folder;
using testing::small;
using Ids = std::vector<int64_t>;

constexpr const char* kNotASentencePieceModel = "not a SentencePiece model";
constexpr const char* kCannotReadSettings = "cannot read the tokenizer's settings";

std::string copy_of_small() {
  std::ifstream stream(golden("tokenizer.model"), std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

}  // namespace

TEST_CASE("LLaMA's tokenizer gives the published ids", "[text]") {
  if (!testing::has_llama()) SKIP(testing::kNoLlama);
  const auto vectors = testing::read_json(llama_folder() / "vectors.json");
  REQUIRE(vectors.size() >= 46);
  for (const auto behaviour : kBoth) {
    const auto tokenizer = llama(behaviour);
    CHECK(tokenizer.vocab_size() == 32000);
    for (const auto& vector : vectors) {
      const auto text = vector["text"].get<std::string>();
      CAPTURE(text);
      CHECK(tokenizer.encode(text, /*add_bos=*/false) == vector["ids"].get<Ids>());
      CHECK(tokenizer.decode(tokenizer.encode(text, true)) == text);
    }
  }
}

TEST_CASE("legacy and non-legacy LLaMA tokenizers differ after special tokens", "[text]") {
  if (!testing::has_llama()) SKIP(testing::kNoLlama);
  const auto legacy = llama(TokenizerBehaviour::kLegacy);
  const auto modern = llama(TokenizerBehaviour::kNonLegacy);
  CHECK(legacy.encode("Hello <s>.", true) == Ids{1, 15043, 29871, 1, 869});
  CHECK(modern.encode("Hello <s>.", true) == Ids{1, 15043, 29871, 1, 29889});
  CHECK(legacy.encode("</s>USER:", false) == Ids{2, 3148, 1001, 29901});
  CHECK(modern.encode("</s>USER:", false) == Ids{2, 11889, 29901});
  CHECK(legacy.encode("x ASSISTANT:", false) == Ids{921, 319, 1799, 9047, 13566, 29901});
  CHECK(modern.encode("x ASSISTANT:", false) == Ids{921, 319, 1799, 9047, 13566, 29901});
  CHECK(modern.encode("</s>ASSISTANT:", false) == Ids{2, 22933, 9047, 13566, 29901});
  for (const auto& tokenizer : {legacy, modern}) {
    CHECK(tokenizer.encode("", true) == Ids{1});
    CHECK(tokenizer.encode(" ", false) == Ids{259});
    CHECK(tokenizer.encode("\nWhat", false) == Ids{29871, 13, 5618});
    CHECK(tokenizer.encode("</s>", false) == Ids{2});
    CHECK(tokenizer.encode("<s><unk></s>", false) == Ids{1, 0, 2});
    CHECK(tokenizer.encode("<<s>", false) == Ids{529, 1});
    CHECK(tokenizer.encode("<S> </ s>", false).size() > 3);
  }
  // A space after a special token: its own token for the prefix in one, a part of the word in the other.
  CHECK(legacy.encode("</s> USER", false) == Ids{2, 29871, 3148, 1001});
  CHECK(modern.encode("</s> USER", false) == Ids{2, 3148, 1001});
  // The visible space is a space.
  CHECK(modern.encode("a\u2581b", false) == modern.encode("a b", false));
}

// stories260K's model is one of these.
TEST_CASE("a model that removes spaces keeps the one after a special token", "[text]") {
  const testing::TemporaryFolder folder("removes");
  // Field 3 of the model (its normalizer) appended with remove_extra_whitespaces (field 4) true.
  folder.write("removes.model", copy_of_small() + std::string("\x1a\x02\x20\x01", 4));
  for (const auto behaviour : kBoth) {
    const auto removes = Tokenizer(load_sentencepiece(folder.path() / "removes.model", behaviour));
    const auto keeps = small(behaviour);
    CHECK(removes.encode("the  dog ", false) == keeps.encode("the dog", false));
    CHECK(removes.encode("the</s>dog", false) == keeps.encode("the</s>dog", false));
  }
  const auto removes = Tokenizer::load(folder.path() / "removes.model");
  CHECK(removes.encode("the</s> dog", false) == small().encode("the</s> dog", false));
  const auto pieces = removes.encode_pieces("the</s> dog  cat ");
  CHECK(pieces.front().begin == 0);
  CHECK(pieces.back().end == 16);
}

TEST_CASE("token places lie side by side and cover the text", "[text]") {
  const std::vector<std::string> texts = {
      "the picture shows 12 dogs",
      "  two  spaces ",
      "\n",
      "a</s>USER: b",
      "<s> <unk>",
      "naïve 🦙 日本語",
      "a\u2581b\u2581",
      "</s>",
      "x",
      "\u2581",
      "<unk>\u2581a<",
      std::string("nul\0byte", 8),
      "e\u0301 ½",
  };
  for (const auto behaviour : kBoth) {
    const auto tokenizer = small(behaviour);
    for (const auto& text : texts) {
      CAPTURE(text);
      std::string joined;
      size_t previous = 0;
      for (const auto& piece : tokenizer.encode_pieces(text)) {
        CHECK(piece.begin == previous);
        REQUIRE(piece.begin <= piece.end);
        REQUIRE(piece.end <= text.size());
        joined += text.substr(piece.begin, piece.end - piece.begin);
        previous = piece.end;
      }
      CHECK(joined == text);
    }
  }
}

TEST_CASE("a token's place is that of its characters", "[text]") {
  for (const auto behaviour : kBoth) {
    const auto pieces = small(behaviour).encode_pieces("é</s>the 7");
    const auto place = [&](const std::string& text, size_t begin) {
      for (const auto& piece : pieces) {
        if (piece.begin == begin && piece.end == begin + text.size()) return true;
      }
      return false;
    };
    CHECK(place("é", 0));
    CHECK(place("</s>", 2));
    CHECK(place("7", 10));
  }
}

TEST_CASE("decoding leaves out special tokens and one leading space", "[text]") {
  const auto tokenizer = small();
  CHECK(tokenizer.decode({}).empty());
  CHECK(tokenizer.decode(tokenizer.encode("the dog", true)) == "the dog");
  CHECK(tokenizer.decode(tokenizer.encode(" the dog ", true)) == " the dog ");
  CHECK(tokenizer.decode(tokenizer.encode("<s>the dog</s><unk>", true)) == "the dog");
  CHECK(tokenizer.decode(tokenizer.encode("日本語 🦙\n", true)) == "日本語 🦙\n");
}

TEST_CASE("decoding byte tokens that are not UTF-8 gives replacement characters", "[text]") {
  const auto tokenizer = small();
  auto ids = tokenizer.encode("🦙", false);
  REQUIRE(ids.size() >= 4);
  ids.resize(ids.size() - 1);
  const auto text = tokenizer.decode(ids);
  CHECK_THAT(text, contains("\uFFFD"));
  CHECK_NOTHROW(nlohmann::json(text).dump());
}

TEST_CASE("byte tokens are decoded as SentencePiece does, all together and one by one", "[text]") {
  const auto tokenizer = small();
  const auto cases = testing::read_json(golden("../model/generation.json"))["decodings"];
  REQUIRE(cases.size() == 200);
  for (const auto& entry : cases) {
    const auto ids = entry["ids"].get<Ids>();
    const auto expected = entry["text"].get<std::string>();
    CAPTURE(ids);
    CHECK(tokenizer.decode(ids) == expected);
    TextStream stream(tokenizer);
    std::string before;
    for (const int64_t id : ids) {
      stream.add(id);
      CHECK(stream.text().starts_with(before));
      before = stream.text();
    }
    CHECK(expected.starts_with(before));
    stream.finish();
    CHECK(stream.text() == expected);
  }
}

TEST_CASE("a character of several byte tokens appears with its last one", "[text]") {
  TextStream stream(small());
  for (const int64_t byte : {0xF0, 0x9F, 0xA6}) {
    stream.add(3 + byte);
    CHECK(stream.text().empty());
  }
  stream.add(3 + 0x99);
  CHECK(stream.text() == "🦙");
  stream.add(3 + '\n');
  CHECK(stream.text() == "🦙\n");
}

TEST_CASE("special tokens spelled inside words are the characters that they are written with", "[text]") {
  for (const auto behaviour : kBoth) {
    const auto tokenizer = small(behaviour);
    const std::string text = "a</s>b</s>c";
    for (const auto& piece : tokenizer.encode_pieces(text, {{0, text.size()}})) CHECK(piece.id > 2);
    const auto first_only = tokenizer.encode_pieces(text, {{0, 6}});
    CHECK(std::count_if(first_only.begin(), first_only.end(), [](auto& piece) { return piece.id == 2; }) == 1);
    CHECK(tokenizer.encode_pieces(text, {{0, 1}, {10, 11}}).size() == tokenizer.encode_pieces(text).size());
    // Nor can a text spell a byte token.
    CHECK(tokenizer.encode("<0x0A>", false).size() == 7);
  }
}

TEST_CASE("decoding passes over ids that a padded embedding adds, and refuses negative ones", "[text]") {
  const auto tokenizer = small();
  CHECK(tokenizer.decode({70, 600, 71, 100000}) == tokenizer.decode({70, 71}));
  CHECK(thrown<DataError>([&] {
          tokenizer.decode({5, -200});
        }) == Parts{.where = "decode", .kind = "invalid token id", .got = "-200", .expected = "0 or more"});
}

TEST_CASE("a tokenizer carries its file and its special ids", "[text]") {
  const auto tokenizer = small();
  const auto files = tokenizer.files(2048);
  REQUIRE(files.size() == 3);
  CHECK(files[0] == std::pair<std::string, std::string>{"tokenizer.model", copy_of_small()});
  CHECK(tokenizer == small());
  CHECK_FALSE(tokenizer == small(TokenizerBehaviour::kLegacy));
  CHECK(tokenizer.vocab_size() == 600);
  CHECK(tokenizer.unk_id() == 0);
  CHECK(tokenizer.bos_id() == 1);
  CHECK(tokenizer.eos_id() == 2);
}

TEST_CASE("tokenizer_config.json beside the model decides the behaviour", "[text]") {
  const testing::TemporaryFolder folder("config");
  folder.write("tokenizer.model", copy_of_small());
  const auto behaviour = [&](TokenizerBehaviour fallback) {
    const Tokenizer tokenizer(load_sentencepiece(folder.path() / "tokenizer.model", fallback));
    return tokenizer == small(TokenizerBehaviour::kLegacy) ? TokenizerBehaviour::kLegacy
                                                           : TokenizerBehaviour::kNonLegacy;
  };
  for (const auto fallback : kBoth) CHECK(behaviour(fallback) == fallback);
  folder.write("tokenizer_config.json", R"({"legacy": true})");
  for (const auto fallback : kBoth) CHECK(behaviour(fallback) == TokenizerBehaviour::kLegacy);
  folder.write("tokenizer_config.json", R"({"legacy": false})");
  for (const auto fallback : kBoth) CHECK(behaviour(fallback) == TokenizerBehaviour::kNonLegacy);
  for (const auto* text : {R"({"legacy": null})", R"({"add_bos_token": true})"}) {
    folder.write("tokenizer_config.json", text);
    for (const auto fallback : kBoth) CHECK(behaviour(fallback) == TokenizerBehaviour::kLegacy);
  }
}

TEST_CASE("the end token that the files beside the model name is known as transformers knows it", "[text]") {
  const auto cases = testing::read_json(golden("../model/generation.json"))["tokenizer_ends"];
  REQUIRE(cases.size() == 8);
  for (const auto& entry : cases) {
    CAPTURE(entry.dump());
    const testing::TemporaryFolder folder("ends");
    folder.write("tokenizer.model", copy_of_small());
    folder.write("tokenizer_config.json", entry["config"].dump());
    if (!entry["special"].is_null()) folder.write("special_tokens_map.json", entry["special"].dump());
    Ids expected = {2};
    const auto& named = entry["eos_token_id"];
    if (!named.is_null() && named != 2) expected.push_back(named);
    const auto tokenizer = Tokenizer::load(folder.path());
    CHECK(tokenizer.end_ids() == expected);
    CHECK((tokenizer == small() || tokenizer == small(TokenizerBehaviour::kLegacy)));
    const testing::TemporaryFolder saved("saved");
    for (const auto& [name, contents] : tokenizer.files(64)) saved.write(name, contents);
    CHECK(Tokenizer::load(saved.path()).end_ids() == expected);
  }
}

TEST_CASE("a tokenizer that cannot be loaded is rejected with its path", "[text]") {
  const testing::TemporaryFolder folder("errors");
  const auto load = [&](const std::string& name) {
    return thrown<DataError>([&] { Tokenizer::load(folder.path() / name); });
  };
  const auto path = [&](const std::string& name) { return (folder.path() / name).string(); };

  const std::string none = "the tokenizer does not exist";
  CHECK(load("none.model") == Parts{.where = path("none.model"),
                                    .kind = none,
                                    .expected = "a SentencePiece model (tokenizer.model), or a folder with one"});
  CHECK(load("") == Parts{.where = path("tokenizer.model"), .kind = none});

  folder.write("text.model", "not a model at all\n");
  CHECK(load("text.model") == Parts{.where = path("text.model"),
                                    .kind = kNotASentencePieceModel,
                                    .got = "19 bytes",
                                    .expected = "a tokenizer.model file"});
  folder.write("empty.model", "");
  CHECK(load("empty.model") == Parts{.where = path("empty.model"),
                                     .kind = kNotASentencePieceModel,
                                     .got = "0 bytes",
                                     .expected = "a tokenizer.model file"});
  folder.write("cut.model", copy_of_small().substr(0, 4000));
  CHECK(load("cut.model") == Parts{.where = "cut.model", .kind = kNotASentencePieceModel, .got = "4000 bytes"});

  // Field 2 of the model (what it was trained with) appended with eos_piece (field 47) "<end>".
  folder.write("no_eos.model", copy_of_small() + std::string("\x12\x08\xfa\x02\x05<end>", 10));
  CHECK(load("no_eos.model") == Parts{.where = path("no_eos.model"),
                                      .kind = "the model lacks a special token",
                                      .got = "ids 1, -1, 0",
                                      .expected = "<s>, </s> and <unk>"});

  folder.write("tokenizer.model", copy_of_small());
  folder.write("tokenizer_config.json", R"({"legacy": "yes"})");
  CHECK(
      load("") ==
      Parts{.where = path("tokenizer_config.json"), .field = "legacy", .got = "\"yes\"", .expected = "true or false"});
  folder.write("tokenizer_config.json", R"({"eos_token": 5})");
  CHECK(load("") == Parts{.where = path("tokenizer_config.json"),
                          .field = "eos_token",
                          .got = "5",
                          .expected = "text, or an object with \"content\""});
  folder.write("tokenizer_config.json", R"({"legacy": tr)");
  CHECK(load("") == Parts{.where = path("tokenizer_config.json"),
                          .kind = kCannotReadSettings,
                          .got = "syntax error while parsing value - invalid literal",
                          .expected = "a JSON object"});
  folder.write("tokenizer_config.json", "[]");
  CHECK(load("") ==
        Parts{.where = path("tokenizer_config.json"), .kind = kCannotReadSettings, .expected = "a JSON object"});
}

}  // namespace convllava::text
