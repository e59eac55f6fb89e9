#include "convllava/core/json.h"

#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>

#include "tests/catch.h"
#include "tests/support/errors.h"

namespace convllava::core {
namespace {

using convllava::testing::contains;
using convllava::testing::Parts;
using convllava::testing::thrown;
using nlohmann::json;

constexpr const char* kTooDeep = "more than 127 levels of nesting";
constexpr const char* kNulByte = "a NUL byte";
constexpr const char* kUtf16 = "the text is UTF-16, not UTF-8";

std::string nested(size_t depth, const std::string& open = "[", const std::string& close = "]") {
  std::string text;
  for (size_t i = 0; i < depth; ++i) text += open;
  text += "1";
  for (size_t i = 0; i < depth; ++i) text += close;
  return text;
}

JsonError reason_of(std::string_view text) {
  return thrown<JsonError>([&] { parse_json<json>(text); });
}

std::optional<size_t> offset_of(std::string_view text) {
  try {
    parse_json<json>(text);
  } catch (const JsonError& error) {
    return error.offset();
  }
  return 12345;
}

/// As Python's json.dumps writes it with separators "," and ":".
std::string python_text(const nlohmann::ordered_json& value) {
  if (!value.is_structured()) return json_text(value);
  std::string text;
  for (const auto& [name, member] : value.items()) {
    text += (text.empty() ? "" : ",") + (value.is_object() ? json(name).dump() + ":" : "") + python_text(member);
  }
  return value.is_object() ? "{" + text + "}" : "[" + text + "]";
}

std::optional<std::string> python_value(std::string_view text) {
  try {
    return python_text(parse_python_json<nlohmann::ordered_json>(text));
  } catch (const JsonError&) {
    return std::nullopt;
  }
}

}  // namespace

TEST_CASE("JSON is read as deep as safetensors' reader goes, and no deeper", "[core]") {
  for (const auto& [open, close] : {std::pair("[", "]"), std::pair("{\"a\":", "}")}) {
    CHECK_NOTHROW(parse_json<json>(nested(127, open, close)));
    CHECK(reason_of(nested(128, open, close)) == Parts{.kind = kTooDeep});
    CHECK(reason_of(nested(200'000, open, close)) == Parts{.kind = kTooDeep});
    CHECK(reason_of(nested(200'000, open, "")) == Parts{.kind = kTooDeep});
  }
  CHECK(offset_of(nested(128)) == 127);
}

TEST_CASE("brackets that do not nest are no depth", "[core]") {
  std::string flat = "[";
  for (int i = 0; i < 1000; ++i) flat += "[],{\"]\\\"[\": \"[\\\\\"},";
  CHECK(parse_json<json>(flat + "0]").size() == 2001);
}

TEST_CASE("a NUL byte in JSON is refused, not taken for its end", "[core]") {
  using std::string_literals::operator""s;
  CHECK(reason_of("{}\0"s) == Parts{.kind = kNulByte});
  CHECK(reason_of("{}\0garbage"s) == Parts{.kind = kNulByte});
  CHECK(reason_of("{\"a\": \"\\\0\"}"s) == Parts{.kind = kNulByte});
  CHECK(offset_of("{}\0"s) == 2);
  CHECK(parse_json<json>(R"("\u0000")") == "\0"s);
}

TEST_CASE("JSON in another encoding is refused with its name or place", "[core]") {
  CHECK(reason_of("\xFF\xFE{") == Parts{.kind = kUtf16});
  CHECK(reason_of("\xFE\xFF{") == Parts{.kind = kUtf16});
  CHECK_THAT(reason_of("\"\xFF\"").kind(), contains("ill-formed UTF-8 byte"));
  CHECK(offset_of("\"\xFF\"") == 1);
  CHECK(parse_json<json>("\xEF\xBB\xBF[1]") == json{1});
}

TEST_CASE("the last of two equal keys counts, as in Python", "[core]") {
  CHECK(parse_json<json>(R"({"a": {"x": 1}, "b": 0, "a": {"y": 2}})") == json{{"a", {{"y", 2}}}, {"b", 0}});
  CHECK(parse_json<nlohmann::ordered_json>(R"({"a": 1, "a": 2})").dump() == R"({"a":2})");
}

TEST_CASE("an error in JSON has its place, which is the end of a text that stops too early", "[core]") {
  CHECK(offset_of("[1, x]") == 4);
  CHECK(offset_of("[1, ") == 4);
  CHECK(offset_of("") == 0);
  CHECK_FALSE(offset_of("[1e999]").has_value());
  CHECK(reason_of("[1e999]") == Parts{.kind = "number overflow parsing '1e999'"});
}

TEST_CASE("a value in a message is cut between two characters", "[core]") {
  CHECK(json_excerpt(json{1, "a"}) == "[1,\"a\"]");
  std::string wide;
  for (int i = 0; i < 200; ++i) wide += "\u00e9";
  const std::string text = json_excerpt(json(wide));
  CHECK(text == "\"" + wide.substr(0, 198) + "...");
}

TEST_CASE("the constants of Python's json are read where Python reads them", "[core]") {
  // Made by scripts/golden/python_json.py, which says what is in it.
  std::ifstream stream(CONVLLAVA_SOURCE_DIR "/tests/golden/core/python_json.json");
  const auto golden = json::parse(stream);
  REQUIRE(golden.size() > 100);
  for (const auto& entry : golden) {
    const auto text = entry[0].get<std::string>();
    INFO(text);
    const auto value = python_value(text);
    if (entry[1].is_null()) {
      CHECK_FALSE(value);
    } else {
      CHECK(value == entry[1].get<std::string>());
    }
  }
}

TEST_CASE("an error behind a constant is where it stands in the text", "[core]") {
  const auto offset = [](std::string_view text) {
    try {
      parse_python_json<json>(text);
    } catch (const JsonError& error) {
      return error.offset();
    }
    return std::optional<size_t>(12345);
  };
  CHECK(offset("[NaN, 1 2]") == 8);
  CHECK(offset("[-Infinity, x]") == 12);
  CHECK(offset("{\"a\": Infinity, 5}") == 16);
}

TEST_CASE("JSON that is not Python's has no constants", "[core]") {
  CHECK(reason_of("[NaN]") == Parts{.kind = "syntax error while parsing value - invalid literal"});
}

}  // namespace convllava::core
