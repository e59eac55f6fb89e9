#include "convllava/config/yaml.h"
#include "convllava/core/error.h"
#include "tests/catch.h"
#include "tests/support/errors.h"
#include "tests/unit/config/sample_struct.h"

// Texts that no person writes, but a damaged disk or an attacker.

namespace convllava::config::testing {
namespace {

using convllava::testing::contains;
using convllava::testing::Parts;
using convllava::testing::thrown;

constexpr const char* kNoAliases = "YAML aliases are not supported";
constexpr const char* kUnknownKey = "unknown key";
constexpr const char* kControlCharacter = "a control character";
constexpr const char* kNotUtf8 = "not UTF-8";

void read(const std::string& text, const std::vector<std::string>& overrides = {}) {
  Sample sample;
  read_yaml(text, "a.yaml", fields_of(sample), overrides);
}

ConfigError refusal(const std::string& text, const std::vector<std::string>& overrides = {}) {
  return thrown<ConfigError>([&] { read(text, overrides); });
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
    CHECK(refusal(repeated(open, 100'000)) ==
          Parts{.where = "a.yaml:1", .kind = "invalid YAML: values are nested too deeply", .got = "500 levels"});
  }
  CHECK(refusal("", {"words=" + repeated("[", 100'000)}).place().where.starts_with("--set words=[[["));
  CHECK(
      refusal("", {repeated("a.", 100'000) + "b=1"}) ==
      Parts{.where = "--set", .kind = "too many names in the path", .got = "100001 names", .expected = "at most 100"});
}

TEST_CASE("YAML's ways to multiply a text are refused", "[config]") {
  std::string bomb = "a: &a [x, x]\n";
  for (char c = 'b'; c <= 'z'; ++c)
    bomb += std::string(1, c) + ": &" + c + " [*" + char(c - 1) + ", *" + char(c - 1) + "]\n";
  CHECK(refusal(bomb) ==
        Parts{.where = "a.yaml:2", .field = "b.0", .kind = kNoAliases, .expected = "the value itself"});
  CHECK(refusal("inner: &i {depth: 1}\n<<: *i\n") == Parts{.where = "a.yaml:2", .field = "<<", .kind = kNoAliases});
  CHECK(refusal("<<: {count: 7}\n") == Parts{.where = "a.yaml:1", .field = "<<", .kind = kUnknownKey});
}

TEST_CASE("control characters in YAML are refused, not passed over", "[config]") {
  using std::string_literals::operator""s;
  CHECK(refusal("count: 7\n\x04rate: 1\n") ==
        Parts{.where = "a.yaml:2", .kind = kControlCharacter, .got = "the byte 0x04"});
  CHECK(refusal("count: 7\0\nrate: 1\n"s) ==
        Parts{.where = "a.yaml:1", .kind = kControlCharacter, .got = "the byte 0x00"});
  CHECK(refusal("text: a\x1b[2J\n") == Parts{.got = "the byte 0x1b", .expected = "text in UTF-8"});
  CHECK_NOTHROW(read("text: \"a\\x04\"\r\n# \t\n"));
}

TEST_CASE("YAML that is not UTF-8 is refused with its place", "[config]") {
  CHECK(refusal("count: 7\ntext: \xe4\n") ==
        Parts{.where = "a.yaml:2", .kind = kNotUtf8, .got = "the byte 0xe4", .expected = "text in UTF-8"});
  CHECK(refusal("text: \xc0\x80\n") == Parts{.kind = kNotUtf8, .got = "the byte 0xc0"});
  CHECK(refusal("text: \xed\xa0\x80\n") == Parts{.kind = kNotUtf8, .got = "the byte 0xed"});
  CHECK(refusal(std::string("\xff\xfe"
                            "c\0",
                            4)) ==
        Parts{.where = "a.yaml", .kind = kNotUtf8, .got = "UTF-16", .expected = "text in UTF-8"});
  CHECK_NOTHROW(
      read("\xef\xbb\xbf"
           "text: \u00e4\n"));
}

TEST_CASE("YAML of more than a MiB is refused, and just less is read in a moment", "[config]") {
  CHECK(
      refusal("text: " + std::string(1 << 20, 'x')) ==
      Parts{.where = "a.yaml", .kind = "the text is too large", .got = "1048582 bytes", .expected = "at most 1048576"});
  CHECK_NOTHROW(read("text: " + std::string(1'000'000, 'x')));
  const auto error = refusal("count: " + std::string(1'000'000, 'x'));
  CHECK(error ==
        Parts{.where = "a.yaml:1", .field = "count", .kind = "not an integer", .expected = "an integer, 0 to 100"});
  CHECK_THAT(error.got(), contains("xxxx") && contains("x..."));
  std::string keys;
  for (int i = 0; i < 100'000; ++i) keys += "k" + std::to_string(i) + ":\n";
  CHECK(refusal(keys) == Parts{.where = "a.yaml:1", .field = "k0", .kind = kUnknownKey});
}

}  // namespace convllava::config::testing
