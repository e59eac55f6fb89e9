#include "convllava/core/unicode.h"

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "tests/catch.h"

namespace convllava::core {
namespace {

using nlohmann::json;

// Made by scripts/golden/unicode.py, which says what is in it.
const json& golden() {
  static const json file = [] {
    std::ifstream stream(CONVLLAVA_SOURCE_DIR "/tests/golden/core/unicode.json");
    return json::parse(stream);
  }();
  return file;
}

// Newer versions of Unicode gave these two letters, which were there before, an upper case.
const std::set<char32_t> kChangedSince = {0x019B, 0x0264};

std::string utf8(char32_t c) {
  const auto tail = [c](int shift) { return static_cast<char>(0x80 | ((c >> shift) & 0x3F)); };
  if (c < 0x80) return {static_cast<char>(c)};
  if (c < 0x800) return {static_cast<char>(0xC0 | (c >> 6)), tail(0)};
  if (c < 0x10000) return {static_cast<char>(0xE0 | (c >> 12)), tail(6), tail(0)};
  return {static_cast<char>(0xF0 | (c >> 18)), tail(12), tail(6), tail(0)};
}

/// The code points that the golden's Unicode version knows.
std::vector<char32_t> assigned() {
  std::vector<char32_t> points;
  for (const auto& range : golden()["assigned"]) {
    for (char32_t c = range[0].get<char32_t>(); c <= range[1].get<char32_t>(); ++c) points.push_back(c);
  }
  return points;
}

bool is_within(const json& ranges, char32_t c) {
  return std::any_of(ranges.begin(), ranges.end(),
                     [c](const json& range) { return c >= range[0].get<char32_t>() && c <= range[1].get<char32_t>(); });
}

void check_case(const std::string& table, std::string (*function)(std::string_view)) {
  std::map<char32_t, std::string> changed;
  for (const auto& row : golden()[table]) changed[row[0].get<char32_t>()] = row[1].get<std::string>();
  REQUIRE(changed.size() > 1000);
  std::vector<std::string> differ;
  for (const char32_t c : assigned()) {
    const std::string letter = utf8(c);
    const auto expected = changed.find(c);
    const bool equal = function(letter) == (expected == changed.end() ? letter : expected->second);
    if (!equal && (table == "lower" || !kChangedSince.contains(c))) differ.push_back(letter);
  }
  INFO(table);
  CHECK(differ == std::vector<std::string>{});
}

}  // namespace

TEST_CASE("white space and digits of every code point are Python's", "[core]") {
  const json spaces = golden()["space"];
  const json digits = golden()["decimal"];
  std::vector<char32_t> differ;
  for (const char32_t c : assigned()) {
    if (is_space(c) != is_within(spaces, c) || is_decimal(c) != is_within(digits, c)) differ.push_back(c);
  }
  CHECK(differ == std::vector<char32_t>{});
}

TEST_CASE("the case of every code point is Python's", "[core]") {
  check_case("lower", lower);
  check_case("upper", upper);
  check_case("capitalize", capitalize);
}

TEST_CASE("texts change case, are stripped and split as in Python", "[core]") {
  const json texts = golden()["texts"];
  REQUIRE(texts.size() > 1000);
  for (const auto& row : texts) {
    const auto text = row[0].get<std::string>();
    INFO(row[0].dump());
    CHECK(lower(text) == row[1].get<std::string>());
    CHECK(upper(text) == row[2].get<std::string>());
    CHECK(capitalize(text) == row[3].get<std::string>());
    CHECK(strip(text) == row[4].get<std::string>());
    const auto words = split(text);
    CHECK(std::vector<std::string>(words.begin(), words.end()) == row[5].get<std::vector<std::string>>());
  }
}

TEST_CASE("bytes that are not UTF-8 count as Python's replacement characters", "[core]") {
  for (const auto& row : golden()["bytes"]) {
    const auto digits = row[0].get<std::string>();
    std::string bytes;
    for (size_t i = 0; i < digits.size(); i += 2)
      bytes += static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16));
    INFO(digits);
    std::string decoded;
    for (const char32_t c : code_points(bytes)) decoded += utf8(c);
    CHECK(decoded == row[1].get<std::string>());
    CHECK(code_points(lower(bytes)) == code_points(lower(decoded)));
    CHECK(code_points(strip(bytes)) == code_points(strip(decoded)));
    CHECK(split(bytes).size() == split(decoded).size());
  }
}

TEST_CASE("invalid UTF-8 is detected", "[core]") {
  for (const char* text : {"", "a", "caf\u00e9 \uFFFD \U0001F999"}) CHECK(is_utf8(text));
  // A Latin-1 letter; a surrogate; a long form of NUL; beyond the last code point; a character that is cut off.
  for (const char* text :
       {"caf\xe9", "\xed\xa0\x80", "\xc0\x80", "\xf4\x90\x80\x80", "\xf0\x9f\xa6", "\xf0\x9f\xa6 a"}) {
    CHECK_FALSE(is_utf8(text));
  }
}

}  // namespace convllava::core
