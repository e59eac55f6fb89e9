#include "convllava/core/error.h"
#include "tests/catch.h"
#include "tests/support/process.h"
#include "tests/unit/config/sample_struct.h"

namespace convllava::config::testing {
namespace {

using convllava::testing::contains;
using convllava::testing::message_of;

Sample read(const std::string& text, const std::vector<std::string>& overrides = {}) {
  Sample sample;
  read_yaml(text, "a.yaml", fields_of(sample), overrides);
  return sample;
}

std::string refusal(const std::string& text, const std::vector<std::string>& overrides = {}) {
  return message_of<ConfigError>([&] { read(text, overrides); });
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
        "a.yaml:2: conut: unknown key (did you mean count?); expected one of flag, count, rate, text, words, counts, "
        "rates, by_name, shape, inner, parts");
  CHECK(refusal("inner:\n  depth: 3\n  dept: 4\n") ==
        "a.yaml:3: inner.dept: unknown key (did you mean depth?); expected one of depth, part");
  CHECK(refusal("inner:\n  part:\n    zzzzzz: 1\n") ==
        "a.yaml:3: inner.part.zzzzzz: unknown key; expected one of name, share");
  CHECK(refusal("parts:\n  - name: a\n  - nmae: b\n") ==
        "a.yaml:3: parts.1.nmae: unknown key (did you mean name?); expected one of name, share");
}

TEST_CASE("a key of another section is pointed to", "[config]") {
  CHECK_THAT(refusal("depth: 3\n"), contains("a.yaml:1: depth: unknown key (did you mean inner.depth?)"));
  CHECK_THAT(refusal("inner:\n  flag: true\n"),
             contains("a.yaml:2: inner.flag: unknown key (did you mean flag at the top level?)"));
}

TEST_CASE("a key given twice is refused", "[config]") {
  CHECK(refusal("count: 1\nrate: 2\ncount: 3\n") == "a.yaml:3: count: key given twice, first at a.yaml:1");
  CHECK(refusal("parts:\n  - name: a\n    share: 1\n    name: b\n") ==
        "a.yaml:4: parts.0.name: key given twice, first at a.yaml:2");
}

TEST_CASE("an integer is digits and nothing else", "[config]") {
  for (const std::string text : {"1e-5", "1.0", "1_000", "0x10", "ten", "\"7\"", "7 apples", "+7"}) {
    CHECK(refusal("count: " + text + "\n") ==
          "a.yaml:1: count: not an integer; got " + text + "; expected an integer, 0 to 100");
  }
  CHECK(refusal("inner:\n  depth: [1]\n") ==
        "a.yaml:2: inner.depth: not an integer; got a list; expected an integer, at least 1");
  CHECK(refusal("count:\n  x: 1\n") == "a.yaml:1: count: not an integer; got a section; expected an integer, 0 to 100");
  CHECK(refusal("count:\nrate: 1\n") == "a.yaml:1: count: has no value; got nothing; expected an integer, 0 to 100");
  CHECK(refusal("count: ~\n") == "a.yaml:1: count: has no value; got nothing; expected an integer, 0 to 100");
}

TEST_CASE("numbers outside their range are refused", "[config]") {
  CHECK(refusal("count: 101\n") == "a.yaml:1: count: out of range; got 101; expected an integer, 0 to 100");
  CHECK(refusal("count: -1\n") == "a.yaml:1: count: out of range; got -1; expected an integer, 0 to 100");
  CHECK(refusal("count: 99999999999999999999\n") ==
        "a.yaml:1: count: out of range; got 99999999999999999999; expected an integer, 0 to 100");
  CHECK(refusal("rate: 10.5\n") == "a.yaml:1: rate: out of range; got 10.5; expected a number, -10 to 10");
  CHECK(refusal("rates: [1, -1]\n") == "a.yaml:1: rates.1: out of range; got -1; expected a number, at least 0");
  CHECK(refusal("rates: [1e999]\n") == "a.yaml:1: rates.0: out of range; got 1e999; expected a number, at least 0");
  CHECK(refusal("counts:\n  - 1\n  - 0\n") ==
        "a.yaml:3: counts.1: out of range; got 0; expected an integer, at least 1");
  CHECK(refusal("by_name:\n  x: 2\n") == "a.yaml:2: by_name.x: out of range; got 2; expected a number, 0 to 1");
}

TEST_CASE("not a number and infinity are refused", "[config]") {
  CHECK(refusal("rates: [nan]\n") == "a.yaml:1: rates.0: not finite; got nan; expected a number, at least 0");
  CHECK(refusal("rates: [inf]\n") == "a.yaml:1: rates.0: not finite; got inf; expected a number, at least 0");
  CHECK(refusal("rates: [.inf]\n") == "a.yaml:1: rates.0: not a number; got .inf; expected a number, at least 0");
  CHECK(refusal("rate: fast\n") == "a.yaml:1: rate: not a number; got fast; expected a number, -10 to 10");
}

TEST_CASE("only true and false are truth values", "[config]") {
  for (const std::string text : {"yes", "no", "on", "1", "True", "\"true\""}) {
    CHECK(refusal("flag: " + text + "\n") ==
          "a.yaml:1: flag: not true or false; got " + text + "; expected true or false");
  }
  CHECK(refusal("flag: [true]\n") == "a.yaml:1: flag: not a single value; got a list; expected true or false");
  CHECK_FALSE(read("flag: false\n").flag);
}

TEST_CASE("lists, sections and single values are not taken for each other", "[config]") {
  CHECK(refusal("words: a\n") == "a.yaml:1: words: not a list; got a; expected a list, for example [a, b]");
  CHECK(refusal("counts: 3\n") == "a.yaml:1: counts: not a list; got 3; expected a list, for example [1, 2]");
  CHECK(refusal("words:\n") == "a.yaml:1: words: has no value; got nothing; expected a list, for example [a, b]");
  CHECK(refusal("words: [[a]]\n") ==
        "a.yaml:1: words.0: not a single value; got a list; expected text (\"\" for none)");
  CHECK(refusal("text: [a]\n") == "a.yaml:1: text: not a single value; got a list; expected text (\"\" for none)");
  CHECK(refusal("text:\n") == "a.yaml:1: text: has no value; got nothing; expected text (\"\" for none)");
  CHECK(refusal("inner: 3\n") == "a.yaml:1: inner: not a section; got 3; expected fields below it, as name: value");
  CHECK(refusal("inner:\nflag: true\n") ==
        "a.yaml:1: inner: has no value; got nothing; expected fields below it, as name: value");
  CHECK(refusal("parts:\n  name: a\n") ==
        "a.yaml:1: parts: not a list; got a section; expected a list of sections, each starting with \"- \"");
  CHECK(refusal("parts:\n  - a\n") ==
        "a.yaml:2: parts.0: not a section; got a; expected fields below it, as name: value");
  CHECK(refusal("by_name: [1]\n") ==
        "a.yaml:1: by_name: not numbers by name; got a list; expected numbers by name, for example {a: 1}");
  CHECK(refusal("- a\n- b\n") == "a.yaml:1: not a list of fields; got a list; expected name: value lines");
}

TEST_CASE("an unknown choice is refused with the choices and the nearest", "[config]") {
  CHECK(refusal("shape: sqare\n") ==
        "a.yaml:1: shape: unknown choice; got sqare; expected one of round, square (did you mean square?)");
  CHECK(refusal("shape: triangular\n") ==
        "a.yaml:1: shape: unknown choice; got triangular; expected one of round, square");
  CHECK(refusal("shape: [round]\n") ==
        "a.yaml:1: shape: not a single value; got a list; expected one of round, square");
}

TEST_CASE("bad syntax is refused with its line", "[config]") {
  CHECK_THAT(refusal("flag: true\nwords: [a, b\ncount: 3\n"), contains("a.yaml:3: invalid YAML: "));
  CHECK_THAT(refusal("flag: true\n\tcount: 3\n"), contains("a.yaml:2: invalid YAML: "));
  CHECK_THAT(refusal("text: a: b\n"), contains("a.yaml:1: invalid YAML: "));
  CHECK_THAT(refusal(std::string(100000, '[')), contains("invalid YAML: "));
}

TEST_CASE("what a configuration has no use for is refused", "[config]") {
  CHECK(refusal("words: &w [a]\ntext: *w\n") ==
        "a.yaml:2: text: YAML aliases are not supported; expected the value itself");
  CHECK(refusal("flag: true\n---\ncount: 1\n") ==
        "a.yaml:2: a second YAML document starts here; expected one document");
  CHECK(refusal("inner:\n  ? [a]\n  : 1\n") == "a.yaml:2: inner: a key is not a plain name; expected name: value");
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
  CHECK(refusal("", {"count"}) == "--set count: not an assignment; expected name=value, for example train.lr=1e-5");
  CHECK(refusal("", {"=3"}) == "--set =3: not an assignment; expected name=value, for example train.lr=1e-5");
  CHECK(refusal("", {"inner..depth=3"}) ==
        "--set inner..depth=3: not an assignment; expected name=value, for example train.lr=1e-5");
  CHECK_THAT(refusal("count: 1\n", {"conut=3"}),
             contains("--set conut=3: conut: unknown key (did you mean count?); expected one of flag, "));
  CHECK(refusal("inner:\n  depth: 1\n", {"inner.dept=3"}) ==
        "--set inner.dept=3: inner.dept: unknown key (did you mean depth?); expected one of depth, part");
  CHECK(refusal("count: 1\n", {"count=many"}) ==
        "--set count=many: count: not an integer; got many; expected an integer, 0 to 100");
  CHECK(refusal("count: 1\n", {"count="}) ==
        "--set count=: count: not an integer; got \"\"; expected an integer, 0 to 100");
  CHECK(refusal("count: 1\n", {"count.x=1"}) == "--set count.x=1: count: has no nested fields; got x");
  CHECK(refusal("parts:\n  - name: a\n  - name: b\n", {"parts.2.name=c"}) ==
        "--set parts.2.name=c: parts: no such element; got 2; expected 0 to 1");
  CHECK(refusal("parts: []\n", {"parts.0.name=c"}) == "--set parts.0.name=c: parts: the list is empty; got 0");
  CHECK(refusal("parts:\n  - name: a\n", {"parts.first.name=c"}) ==
        "--set parts.first.name=c: parts: no such element; got first; expected 0 to 0");
  CHECK_THAT(refusal("", {"words=[a"}), contains("--set words=[a: invalid YAML: "));
}

}  // namespace convllava::config::testing
