#include "convllava/eval/unicode.h"

#include "tests/catch.h"

namespace convllava::eval {

TEST_CASE("bytes that are not UTF-8 become the replacement character, one each", "[eval]") {
  CHECK(code_points("a\xC3\xA9z") == U"aéz");
  CHECK(code_points("\xE6\x97\xA5\xF0\x9F\xA6\x99") == U"日🦙");
  CHECK(code_points("a\xFFz") == U"a\xFFFDz");
  CHECK(code_points("\xC3") == U"\xFFFD");
  CHECK(code_points("\xE6\x97") == U"\xFFFD\xFFFD");
  CHECK(code_points("\xC0\x80") == U"\xFFFD\xFFFD");
}

TEST_CASE("code points of every length come back as the same bytes", "[eval]") {
  for (const std::string text : {"", "plain", "é", "日本語", "🦙 llama", "Ω"})
    CHECK(to_utf8(code_points(text)) == text);
}

TEST_CASE("letters change case as in Python", "[eval]") {
  CHECK(lower(U"ABZ[@") == U"abz[@");
  CHECK(lower(U"ÀÖØÞ×ß") == U"àöøþ×ß");
  CHECK(lower(U"ĀŁŹŠŸĦ") == U"āłźšÿħ");
  CHECK(lower(U"ΆΈΌΎΏΑΩΪ") == U"άέόύώαωϊ");
  CHECK(lower(U"АЯЁЏҐӁ") == U"аяёџґӂ");
  CHECK(lower(U"ẤỸ") == U"ấỹ");
  CHECK(lower(U"日本1!") == U"日本1!");
  CHECK(capitalize(U"") == U"");
  CHECK(capitalize(U"what IS this?") == U"What is this?");
  CHECK(capitalize(U"élan") == U"Élan");
  CHECK(capitalize(U"ÿ") == U"Ÿ");
  CHECK(capitalize(U"źle ŹLE") == U"Źle źle");
  CHECK(capitalize(U"ώρα") == U"Ώρα");
  CHECK(capitalize(U"ёлка") == U"Ёлка");
  CHECK(capitalize(U"1st") == U"1st");
}

TEST_CASE("white space is Python's", "[eval]") {
  CHECK(strip(U"\x3000 a b\xA0\n") == U"a b");
  CHECK(strip(U" \t ") == U"");
  CHECK(collapse_spaces(U"  a \t\n b\x2009"
                        U"c ") == U"a b c");
}

}  // namespace convllava::eval
