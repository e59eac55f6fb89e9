#include "convllava/text/characters.h"

#include "tests/catch.h"
#include "tests/support/small_tokenizer.h"
#include "tests/unit/text/fixtures.h"

namespace convllava::text {
namespace {

using Counts = std::map<std::string, int64_t>;

}  // namespace

// tests/golden/text/tokenizer.model has byte fallback; it was trained on plain English without these letters.
TEST_CASE("characters without a token are counted, control characters aside", "[text]") {
  const auto tokenizer = convllava::testing::small_tokenizer();
  const auto counts = [&](const std::string& text) {
    return characters_without_token(tokenizer, tokenizer.encode(text, true));
  };
  CHECK(counts("what is it\nand this\tone").empty());
  CHECK(counts("€ and € and \xE4\xBD\xA0") == Counts{{"€", 2}, {"\xE4\xBD\xA0", 1}});
  CHECK(counts("two \xF0\x9F\x8E\x89\xF0\x9F\x8E\x89") == Counts{{"\xF0\x9F\x8E\x89", 2}});
}

TEST_CASE("a byte token has one byte, other tokens have none", "[text]") {
  const auto tokenizer = convllava::testing::small_tokenizer();
  const auto ids = tokenizer.encode("€", false);
  REQUIRE(ids.size() >= 3);
  CHECK(tokenizer.byte_of(ids[ids.size() - 3]) == 0xE2);
  CHECK(tokenizer.byte_of(ids[ids.size() - 2]) == 0x82);
  CHECK(tokenizer.byte_of(ids[ids.size() - 1]) == 0xAC);
  CHECK_FALSE(tokenizer.byte_of(tokenizer.bos_id()).has_value());
  CHECK_FALSE(tokenizer.byte_of(-200).has_value());
  CHECK_FALSE(tokenizer.byte_of(tokenizer.vocab_size()).has_value());
}

TEST_CASE("what a tokenizer cannot write at all is counted as <unk>", "[text]") {
  const auto tokenizer = convllava::testing::small_tokenizer();
  CHECK(characters_without_token(tokenizer, {tokenizer.bos_id(), tokenizer.unk_id(), tokenizer.unk_id()}) ==
        Counts{{"<unk>", 2}});
}

TEST_CASE("the most frequent characters are listed first", "[text]") {
  CHECK(list_characters({}).empty());
  CHECK(list_characters({{"a", 1}, {"b", 3}}) == "\"b\" 3, \"a\" 1");
  CHECK(list_characters({{"a", 1}, {"b", 1}, {"c", 1}, {"d", 1}, {"e", 1}, {"f", 9}, {"g", 1}}) ==
        "\"f\" 9, \"a\" 1, \"b\" 1, \"c\" 1, \"d\" 1 and 2 others");
}

}  // namespace convllava::text
