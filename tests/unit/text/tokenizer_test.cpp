#include "convllava/text/tokenizer.h"

#include <thread>
#include <vector>

#include "convllava/text/characters.h"
#include "convllava/text/prompt.h"
#include "tests/catch.h"
#include "tests/unit/text/fixtures.h"

namespace convllava::text {
namespace {

using testing::small;
using Ids = std::vector<int64_t>;

/// A family of a program's own, as byte-level tokenizers are: each byte is a token, id 3 + byte. No dummy prefix.
class ByteTokenizer : public TokenizerModel {
 public:
  const Vocabulary& vocabulary() const override { return vocabulary_; }

  Token token(int64_t id) const override {
    if (id < 3) return {.piece = "<special>"};
    const std::string byte(1, static_cast<char>(id - 3));
    return {.piece = byte, .bytes = byte};
  }

  std::vector<TokenPiece> encode(std::string_view text, const std::vector<TextRange>&) const override {
    std::vector<TokenPiece> pieces;
    for (size_t i = 0; i < text.size(); ++i) pieces.push_back({3 + int64_t{static_cast<uint8_t>(text[i])}, i, i + 1});
    return pieces;
  }

  std::string identity() const override { return "bytes"; }
  std::vector<std::pair<std::string, std::string>> files(int64_t) const override { return {{"bytes.txt", "3"}}; }

 private:
  Vocabulary vocabulary_ = {.size = 259, .bos_id = 1, .eos_id = 2, .unk_id = 0, .end_ids = {2}};
};

Tokenizer bytes() { return Tokenizer(std::make_shared<ByteTokenizer>()); }

}  // namespace

TEST_CASE("a tokenizer of a program's own encodes and decodes", "[text]") {
  CHECK(bytes().encode("a b", true) == Ids{1, 100, 35, 101});
  CHECK(bytes().decode(bytes().encode("<s> é 🦙", true)) == "<s> é 🦙");
  CHECK(bytes().piece(100) == "a");
  CHECK(bytes() == bytes());
  CHECK_FALSE(bytes() == small());
}

TEST_CASE("only families with a dummy prefix lose a leading space", "[text]") {
  CHECK(bytes().decode({35, 100}) == " a");
  CHECK(small().decode(small().encode("a", false)) == "a");
}

TEST_CASE("a character of several tokens appears with its last one in any family", "[text]") {
  TextStream stream(bytes());
  for (const int64_t byte : {0xF0, 0x9F, 0xA6}) {
    stream.add(3 + byte);
    CHECK(stream.text().empty());
  }
  stream.add(3 + 0x99);
  CHECK(stream.text() == "🦙");
  stream.add(3 + 0xC3);
  stream.finish();
  CHECK(stream.text() == "🦙\uFFFD");
}

TEST_CASE("a prompt has the ids of the tokenizer's family", "[text]") {
  const std::vector<Turn> turns = {{Speaker::kHuman, "é?"}, {Speaker::kAssistant, "x"}};
  const auto prompt = encode_conversation(bytes(), template_from_name("chatml"), turns, /*has_image=*/false);
  const std::string text = bytes().decode(prompt.input_ids);
  CHECK(text.ends_with("<|im_start|>user\né?<|im_end|>\n<|im_start|>assistant\nx<|im_end|>\n"));
  CHECK(text.size() == prompt.input_ids.size());
  CHECK(characters_without_token(bytes(), prompt.input_ids).empty());
}

TEST_CASE("copies of a tokenizer serve several threads", "[text]") {
  const auto tokenizer = small();
  const auto expected = tokenizer.encode("what does the sign on the left say?", true);
  std::vector<Ids> results(4);
  std::vector<std::thread> threads;
  for (auto& result : results) {
    threads.emplace_back([tokenizer, &result] {
      for (int i = 0; i < 200; ++i) result = tokenizer.encode("what does the sign on the left say?", true);
    });
  }
  for (auto& thread : threads) thread.join();
  for (const auto& result : results) CHECK(result == expected);
}

}  // namespace convllava::text
