#include "convllava/config/yaml.h"
#include "convllava/core/error.h"
#include "tests/catch.h"
#include "tests/unit/config/sample_struct.h"

// Texts that no person writes, but a damaged disk or an attacker.

namespace convllava::config::testing {
namespace {

using convllava::testing::contains;
using convllava::testing::message_of;

std::string refusal(const std::string& text, const std::vector<std::string>& overrides = {}) {
  return message_of<ConfigError>([&] {
    Sample sample;
    read_yaml(text, "a.yaml", fields_of(sample), overrides);
  });
}

std::string repeated(const std::string& text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

}  // namespace

TEST_CASE("YAML nested without end is refused", "[config]") {
  for (const char* open : {"[", "{", "- ", "? ", "{a: ", "[{b: ["}) {
    CAPTURE(open);
    CHECK_THAT(refusal(repeated(open, 100'000)),
               contains("a.yaml:1: invalid YAML: values are nested too deeply; got 500 levels"));
  }
  CHECK_THAT(refusal("", {"words=" + repeated("[", 100'000)}), contains("--set words=[[["));
  CHECK_THAT(refusal("", {repeated("a.", 100'000) + "b=1"}),
             contains("--set: too many names in the path; got 100001 names; expected at most 100"));
}

TEST_CASE("YAML's ways to multiply a text are refused", "[config]") {
  std::string bomb = "a: &a [x, x]\n";
  for (char c = 'b'; c <= 'z'; ++c)
    bomb += std::string(1, c) + ": &" + c + " [*" + char(c - 1) + ", *" + char(c - 1) + "]\n";
  CHECK_THAT(refusal(bomb), contains("a.yaml:2: b.0: YAML aliases are not supported; expected the value itself"));
  CHECK_THAT(refusal("inner: &i {depth: 1}\n<<: *i\n"), contains("a.yaml:2: <<: YAML aliases are not supported"));
  CHECK_THAT(refusal("<<: {count: 7}\n"), contains("a.yaml:1: <<: unknown key"));
}

TEST_CASE("control characters in YAML are refused, not passed over", "[config]") {
  using std::string_literals::operator""s;
  CHECK_THAT(refusal("count: 7\n\x04rate: 1\n"), contains("a.yaml:2: a control character; got the byte 0x04"));
  CHECK_THAT(refusal("count: 7\0\nrate: 1\n"s), contains("a.yaml:1: a control character; got the byte 0x00"));
  CHECK_THAT(refusal("text: a\x1b[2J\n"), contains("got the byte 0x1b; expected text in UTF-8"));
  CHECK(refusal("text: \"a\\x04\"\r\n# \t\n").empty());
}

TEST_CASE("YAML that is not UTF-8 is refused with its place", "[config]") {
  CHECK_THAT(refusal("count: 7\ntext: \xe4\n"), contains("a.yaml:2: not UTF-8; got the byte 0xe4; expected text in"));
  CHECK_THAT(refusal("text: \xc0\x80\n"), contains("not UTF-8; got the byte 0xc0"));
  CHECK_THAT(refusal("text: \xed\xa0\x80\n"), contains("not UTF-8; got the byte 0xed"));
  CHECK_THAT(refusal(std::string("\xff\xfe"
                                 "c\0",
                                 4)),
             contains("a.yaml: not UTF-8; got UTF-16; expected text in UTF-8"));
  CHECK(refusal("\xef\xbb\xbf"
                "text: \u00e4\n")
            .empty());
}

TEST_CASE("YAML of more than a MiB is refused, and just less is read in a moment", "[config]") {
  CHECK_THAT(refusal("text: " + std::string(1 << 20, 'x')),
             contains("a.yaml: the text is too large; got 1048582 bytes; expected at most 1048576"));
  CHECK(refusal("text: " + std::string(1'000'000, 'x')).empty());
  const auto message = refusal("count: " + std::string(1'000'000, 'x'));
  CHECK_THAT(message, contains("a.yaml:1: count: not an integer; got xxxx") && contains("x...; expected an integer"));
  std::string keys;
  for (int i = 0; i < 100'000; ++i) keys += "k" + std::to_string(i) + ":\n";
  CHECK_THAT(refusal(keys), contains("a.yaml:1: k0: unknown key"));
}

}  // namespace convllava::config::testing
