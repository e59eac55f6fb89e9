#include "convllava/core/error.h"
#include "tests/catch.h"
#include "tests/support/errors.h"
#include "tests/support/process.h"
#include "tests/unit/config/sample_struct.h"

namespace convllava::config::testing {
namespace {

using convllava::testing::contains;
using convllava::testing::Parts;
using convllava::testing::thrown;

constexpr const char* kUnknownKeyNearCount = "unknown key (did you mean count?)";
constexpr const char* kUnknownKeyNearDepth = "unknown key (did you mean depth?)";
constexpr const char* kHasNoValue = "has no value";
constexpr const char* kOutOfRange = "out of range";
constexpr const char* kNotFinite = "not finite";
constexpr const char* kNotANumber = "not a number";
constexpr const char* kNotASingleValue = "not a single value";
constexpr const char* kNotAList = "not a list";
constexpr const char* kNotASection = "not a section";
constexpr const char* kUnknownChoice = "unknown choice";
constexpr const char* kInvalidYaml = "invalid YAML: ";  // before the words of yaml-cpp
constexpr const char* kNotAnAssignment = "not an assignment";
constexpr const char* kNoSuchElement = "no such element";

/// An error of a field in the first line.
Parts wrong(const std::string& field, const std::string& kind, const std::optional<std::string>& got = {},
            const std::optional<std::string>& expected = {}) {
  return {.where = "a.yaml:1", .field = field, .kind = kind, .got = got, .expected = expected};
}

Sample read(const std::string& text, const std::vector<std::string>& overrides = {}) {
  Sample sample;
  read_yaml(text, "a.yaml", fields_of(sample), overrides);
  return sample;
}

ConfigError refusal(const std::string& text, const std::vector<std::string>& overrides = {}) {
  return thrown<ConfigError>([&] { read(text, overrides); });
}

}  // namespace

TEST_CASE("every kind of field is read", "[config]") {
  const Sample sample = read(
      "flag: true\n"
      "count: 7\n"
      "rate: 2e-5\n"
      "text: some words\n"
      "words: [a, \"b c\"]\n"
      "counts: [1, 20]\n"
      "rates:\n"
      "  - 0.03\n"
      "  - 1\n"
      "by_name: {x: 0.5, y: 1}\n"
      "shape: square\n"
      "inner:\n"
      "  depth: 5\n"
      "  part:\n"
      "    name: p\n"
      "parts:\n"
      "  - name: first\n"
      "    share: 0.25\n"
      "  - name: second\n");
  CHECK(sample.flag);
  CHECK(sample.count == 7);
  CHECK(sample.rate == 2e-5);
  CHECK(sample.text == "some words");
  CHECK(sample.words == std::vector<std::string>{"a", "b c"});
  CHECK(sample.counts == std::vector<int64_t>{1, 20});
  CHECK(sample.rates == std::vector<double>{0.03, 1.0});
  CHECK(sample.by_name == std::map<std::string, double>{{"x", 0.5}, {"y", 1.0}});
  CHECK(sample.shape == Shape::kSquare);
  CHECK(sample.inner.depth == 5);
  CHECK(sample.inner.part.name == "p");
  CHECK(sample.inner.part.share == 1.0);
  REQUIRE(sample.parts.size() == 2);
  CHECK(sample.parts[0].share == 0.25);
  CHECK(sample.parts[1].share == 1.0);
}

TEST_CASE("fields that the text does not name keep their values", "[config]") {
  for (const char* text : {"", "# nothing but a comment\n", "count: 2\n"}) {
    Sample sample;
    sample.count = 2;
    sample.words = {"kept"};
    read_yaml(text, "a.yaml", fields_of(sample));
    CHECK(sample.count == 2);
    CHECK(sample.words == std::vector<std::string>{"kept"});
  }
}

TEST_CASE("an element of a list starts from the defaults, not from an old element", "[config]") {
  Sample sample;
  sample.parts = {{"old", 0.1}};
  read_yaml("parts:\n  - name: new\n", "a.yaml", fields_of(sample));
  REQUIRE(sample.parts.size() == 1);
  CHECK(sample.parts[0].share == 1.0);
}

TEST_CASE("texts stay as they are", "[config]") {
  CHECK(read("text: 12\n").text == "12");
  CHECK(read("text: \"12\"\n").text == "12");
  CHECK(read("text: true\n").text == "true");
  CHECK(read("text: 007_x\n").text == "007_x");
  CHECK(read("text: \"\"\n").text.empty());
}

TEST_CASE("an unknown key is refused with line, section and nearest key", "[config]") {
  CHECK(refusal("flag: true\nconut: 3\n") ==
        Parts{.where = "a.yaml:2",
              .field = "conut",
              .kind = kUnknownKeyNearCount,
              .expected = "one of flag, count, rate, text, words, counts, rates, by_name, shape, inner, parts"});
  CHECK(refusal("inner:\n  depth: 3\n  dept: 4\n") == Parts{.where = "a.yaml:3",
                                                            .field = "inner.dept",
                                                            .kind = kUnknownKeyNearDepth,
                                                            .expected = "one of depth, part"});
  CHECK(refusal("inner:\n  part:\n    zzzzzz: 1\n") ==
        Parts{.where = "a.yaml:3", .field = "inner.part.zzzzzz", .expected = "one of name, share"});
  CHECK(refusal("parts:\n  - name: a\n  - nmae: b\n") == Parts{.where = "a.yaml:3",
                                                               .field = "parts.1.nmae",
                                                               .kind = "unknown key (did you mean name?)",
                                                               .expected = "one of name, share"});
}

TEST_CASE("a key of another section is pointed to", "[config]") {
  CHECK(refusal("depth: 3\n") == wrong("depth", "unknown key (did you mean inner.depth?)"));
  CHECK(refusal("inner:\n  flag: true\n") ==
        Parts{.where = "a.yaml:2", .field = "inner.flag", .kind = "unknown key (did you mean flag at the top level?)"});
}

TEST_CASE("a key given twice is refused", "[config]") {
  CHECK(refusal("count: 1\nrate: 2\ncount: 3\n") ==
        Parts{.where = "a.yaml:3", .field = "count", .kind = "key given twice, first at a.yaml:1"});
  CHECK(refusal("parts:\n  - name: a\n    share: 1\n    name: b\n") ==
        Parts{.where = "a.yaml:4", .field = "parts.0.name", .kind = "key given twice, first at a.yaml:2"});
}

TEST_CASE("an integer is digits and nothing else", "[config]") {
  for (const std::string text : {"1e-5", "1.0", "1_000", "0x10", "ten", "\"7\"", "7 apples", "+7"}) {
    CHECK(refusal("count: " + text + "\n") ==
          Parts{.where = "a.yaml:1", .field = "count", .got = text, .expected = "an integer, 0 to 100"});
  }
  CHECK(refusal("inner:\n  depth: [1]\n") ==
        Parts{.where = "a.yaml:2", .field = "inner.depth", .got = "a list", .expected = "an integer, at least 1"});
  CHECK(refusal("count:\n  x: 1\n") ==
        Parts{.where = "a.yaml:1", .field = "count", .got = "a section", .expected = "an integer, 0 to 100"});
  CHECK(refusal("count:\nrate: 1\n") == wrong("count", kHasNoValue, "nothing", "an integer, 0 to 100"));
  CHECK(refusal("count: ~\n") == wrong("count", kHasNoValue, "nothing", "an integer, 0 to 100"));
}

TEST_CASE("numbers outside their range are refused", "[config]") {
  CHECK(refusal("count: 101\n") == wrong("count", kOutOfRange, "101", "an integer, 0 to 100"));
  CHECK(refusal("count: -1\n") == wrong("count", kOutOfRange, "-1", "an integer, 0 to 100"));
  CHECK(refusal("count: 99999999999999999999\n") ==
        wrong("count", kOutOfRange, "99999999999999999999", "an integer, 0 to 100"));
  CHECK(refusal("rate: 10.5\n") == wrong("rate", kOutOfRange, "10.5", "a number, -10 to 10"));
  CHECK(refusal("rates: [1, -1]\n") == wrong("rates.1", kOutOfRange, "-1", "a number, at least 0"));
  CHECK(refusal("rates: [1e999]\n") == wrong("rates.0", kOutOfRange, "1e999", "a number, at least 0"));
  CHECK(refusal("counts:\n  - 1\n  - 0\n") == Parts{.where = "a.yaml:3",
                                                    .field = "counts.1",
                                                    .kind = kOutOfRange,
                                                    .got = "0",
                                                    .expected = "an integer, at least 1"});
  CHECK(
      refusal("by_name:\n  x: 2\n") ==
      Parts{
          .where = "a.yaml:2", .field = "by_name.x", .kind = kOutOfRange, .got = "2", .expected = "a number, 0 to 1"});
}

TEST_CASE("not a number and infinity are refused", "[config]") {
  CHECK(refusal("rates: [nan]\n") == wrong("rates.0", kNotFinite, "nan", "a number, at least 0"));
  CHECK(refusal("rates: [inf]\n") == wrong("rates.0", kNotFinite, "inf", "a number, at least 0"));
  CHECK(refusal("rates: [.inf]\n") == wrong("rates.0", kNotANumber, ".inf", "a number, at least 0"));
  CHECK(refusal("rate: fast\n") == wrong("rate", kNotANumber, "fast", "a number, -10 to 10"));
}

TEST_CASE("only true and false are truth values", "[config]") {
  for (const std::string text : {"yes", "no", "on", "1", "True", "\"true\""}) {
    CHECK(refusal("flag: " + text + "\n") == wrong("flag", "not true or false", text, "true or false"));
  }
  CHECK(refusal("flag: [true]\n") == wrong("flag", kNotASingleValue, "a list", "true or false"));
  CHECK_FALSE(read("flag: false\n").flag);
}

TEST_CASE("lists, sections and single values are not taken for each other", "[config]") {
  CHECK(refusal("words: a\n") == wrong("words", kNotAList, "a", "a list, for example [a, b]"));
  CHECK(refusal("counts: 3\n") == wrong("counts", kNotAList, "3", "a list, for example [1, 2]"));
  CHECK(refusal("words:\n") == wrong("words", kHasNoValue, "nothing", "a list, for example [a, b]"));
  CHECK(refusal("words: [[a]]\n") == wrong("words.0", kNotASingleValue, "a list", "text (\"\" for none)"));
  CHECK(refusal("text: [a]\n") == wrong("text", kNotASingleValue, "a list", "text (\"\" for none)"));
  CHECK(refusal("text:\n") == wrong("text", kHasNoValue, "nothing", "text (\"\" for none)"));
  CHECK(refusal("inner: 3\n") == wrong("inner", kNotASection, "3", "fields below it, as name: value"));
  CHECK(refusal("inner:\nflag: true\n") == wrong("inner", kHasNoValue, "nothing", "fields below it, as name: value"));
  CHECK(refusal("parts:\n  name: a\n") ==
        wrong("parts", kNotAList, "a section", "a list of sections, each starting with \"- \""));
  CHECK(refusal("parts:\n  - a\n") == Parts{.where = "a.yaml:2",
                                            .field = "parts.0",
                                            .kind = kNotASection,
                                            .got = "a",
                                            .expected = "fields below it, as name: value"});
  CHECK(refusal("by_name: [1]\n") ==
        wrong("by_name", "not numbers by name", "a list", "numbers by name, for example {a: 1}"));
  CHECK(refusal("- a\n- b\n") ==
        Parts{.where = "a.yaml:1", .kind = "not a list of fields", .got = "a list", .expected = "name: value lines"});
}

TEST_CASE("an unknown choice is refused with the choices and the nearest", "[config]") {
  CHECK(refusal("shape: sqare\n") ==
        wrong("shape", kUnknownChoice, "sqare", "one of round, square (did you mean square?)"));
  CHECK(refusal("shape: triangular\n") == wrong("shape", kUnknownChoice, "triangular", "one of round, square"));
  CHECK(refusal("shape: [round]\n") == wrong("shape", kNotASingleValue, "a list", "one of round, square"));
}

TEST_CASE("bad syntax is refused with its line", "[config]") {
  for (const auto& [text, line] :
       {std::pair("flag: true\nwords: [a, b\ncount: 3\n", "a.yaml:3"),
        std::pair("flag: true\n\tcount: 3\n", "a.yaml:2"), std::pair("text: a: b\n", "a.yaml:1")}) {
    const auto error = refusal(text);
    CHECK(error == Parts{.where = line});
    CHECK(error.kind().starts_with(kInvalidYaml));
  }
  CHECK(refusal(std::string(100000, '[')).kind().starts_with(kInvalidYaml));
}

TEST_CASE("what a configuration has no use for is refused", "[config]") {
  CHECK(refusal("words: &w [a]\ntext: *w\n") ==
        Parts{.where = "a.yaml:2", .field = "text", .expected = "the value itself"});
  CHECK(refusal("flag: true\n---\ncount: 1\n") ==
        Parts{.where = "a.yaml:2", .kind = "a second YAML document starts here", .expected = "one document"});
  CHECK(refusal("inner:\n  ? [a]\n  : 1\n") ==
        Parts{.where = "a.yaml:2", .field = "inner", .kind = "a key is not a plain name", .expected = "name: value"});
}

TEST_CASE("overrides replace single values, lists and elements", "[config]") {
  const std::string text = "count: 1\nparts:\n  - name: a\n  - name: b\n";
  const Sample sample = read(text, {"count=5", "inner.part.share=0.5", "parts.1.name=c", "words=[x, y]",
                                    "by_name.z=0.25", "text=a=b", "shape=square", "count=6"});
  CHECK(sample.count == 6);
  CHECK(sample.inner.part.share == 0.5);
  CHECK(sample.parts[0].name == "a");
  CHECK(sample.parts[1].name == "c");
  CHECK(sample.words == std::vector<std::string>{"x", "y"});
  CHECK(sample.by_name == std::map<std::string, double>{{"z", 0.25}});
  CHECK(sample.text == "a=b");
  CHECK(sample.shape == Shape::kSquare);
  CHECK(read("text: something\n", {"text="}).text.empty());
  CHECK(read("", {"count=5"}).count == 5);
}

TEST_CASE("an override that a later one replaces is named", "[config]") {
  const convllava::testing::TemporaryFolder folder;
  const auto warned = [&](const std::vector<std::string>& overrides) {
    convllava::testing::CapturedStderr log(folder / "log");
    read("", overrides);
    return log.text();
  };
  CHECK_THAT(warned({"count=5", "rate=1", "count=6"}),
             contains("--set count=5: is ignored: a later --set replaces it; got --set count=6"));
  CHECK_THAT(warned({"inner.depth=5", "inner={depth: 6}"}), contains("--set inner.depth=5: is ignored"));
  CHECK(warned({"inner={depth: 6}", "inner.depth=5", "inner.part.name=x", "count=1"}).empty());
}

TEST_CASE("a bad override is refused in its own words", "[config]") {
  CHECK(refusal("", {"count"}) ==
        Parts{.where = "--set count", .kind = kNotAnAssignment, .expected = "name=value, for example train.lr=1e-5"});
  CHECK(refusal("", {"=3"}) ==
        Parts{.where = "--set =3", .kind = kNotAnAssignment, .expected = "name=value, for example train.lr=1e-5"});
  CHECK(refusal("", {"inner..depth=3"}) == Parts{.where = "--set inner..depth=3",
                                                 .kind = kNotAnAssignment,
                                                 .expected = "name=value, for example train.lr=1e-5"});
  CHECK(refusal("count: 1\n", {"conut=3"}) ==
        Parts{.where = "--set conut=3",
              .field = "conut",
              .kind = kUnknownKeyNearCount,
              .expected = "one of flag, count, rate, text, words, counts, rates, by_name, shape, inner, parts"});
  CHECK(refusal("inner:\n  depth: 1\n", {"inner.dept=3"}) == Parts{.where = "--set inner.dept=3",
                                                                   .field = "inner.dept",
                                                                   .kind = kUnknownKeyNearDepth,
                                                                   .expected = "one of depth, part"});
  CHECK(refusal("count: 1\n", {"count=many"}) ==
        Parts{.where = "--set count=many", .field = "count", .got = "many", .expected = "an integer, 0 to 100"});
  CHECK(refusal("count: 1\n", {"count="}) ==
        Parts{.where = "--set count=", .field = "count", .got = "\"\"", .expected = "an integer, 0 to 100"});
  CHECK(refusal("count: 1\n", {"count.x=1"}) ==
        Parts{.where = "--set count.x=1", .field = "count", .kind = "has no nested fields", .got = "x"});
  CHECK(
      refusal("parts:\n  - name: a\n  - name: b\n", {"parts.2.name=c"}) ==
      Parts{
          .where = "--set parts.2.name=c", .field = "parts", .kind = kNoSuchElement, .got = "2", .expected = "0 to 1"});
  CHECK(refusal("parts: []\n", {"parts.0.name=c"}) ==
        Parts{.where = "--set parts.0.name=c", .field = "parts", .kind = "the list is empty", .got = "0"});
  CHECK(refusal("parts:\n  - name: a\n", {"parts.first.name=c"}) == Parts{.where = "--set parts.first.name=c",
                                                                          .field = "parts",
                                                                          .kind = kNoSuchElement,
                                                                          .got = "first",
                                                                          .expected = "0 to 0"});
  const auto error = refusal("", {"words=[a"});
  CHECK(error == Parts{.where = "--set words=[a"});
  CHECK(error.kind().starts_with(kInvalidYaml));
}

}  // namespace convllava::config::testing
