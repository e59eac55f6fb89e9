#include <limits>

#include "convllava/config/field_table.h"
#include "convllava/core/error.h"
#include "tests/catch.h"
#include "tests/unit/config/sample_struct.h"

namespace convllava::config::testing {
namespace {

Sample full_sample() {
  Sample sample;
  sample.flag = true;
  sample.count = 42;
  sample.rate = 0.1 + 0.2;
  sample.text = "C:\\x \"quoted\" # not a comment: \xc3\xa9\xe2\x82\xac\ttab\nline\x01 end ";
  sample.words = {
      "a", "", "true", "null", "~", "1e5", "with, comma", "- dash", "/abs/path-1.json", "vision.stages.3-5"};
  sample.counts = {1, std::numeric_limits<int64_t>::max()};
  sample.rates = {0,
                  1,
                  2e-5,
                  1e-300,
                  123456789.125,
                  std::numeric_limits<double>::max(),
                  std::numeric_limits<double>::denorm_min(),
                  1.0 / 3.0};
  sample.by_name = {{"plain", 1e-6}, {"odd: key", 0.5}};
  sample.shape = Shape::kSquare;
  sample.inner.part.name = "yes";
  sample.parts = {{"a", 0.25}, {"b", 1.0}};
  return sample;
}

}  // namespace

TEST_CASE("what is written reads back to the same struct", "[config]") {
  Sample original = full_sample();
  const std::string text = write_yaml(fields_of(original));
  Sample copy;
  read_yaml(text, "copy", fields_of(copy));
  CHECK(write_yaml(fields_of(copy)) == text);
  CHECK(copy.text == original.text);
  CHECK(copy.words == original.words);
  CHECK(copy.counts == original.counts);
  CHECK(copy.rates == original.rates);
  CHECK(copy.by_name == original.by_name);
  CHECK(copy.rate == original.rate);
}

TEST_CASE("any byte of a text survives writing and reading", "[config]") {
  for (int first = 1; first < 0x80; ++first) {
    Sample original;
    original.text = std::string("x") + static_cast<char>(first) + " y" + static_cast<char>(first);
    original.words = {std::string(1, static_cast<char>(first)), original.text};
    Sample copy;
    read_yaml(write_yaml(fields_of(original)), "copy", fields_of(copy));
    CHECK(copy.text == original.text);
    CHECK(copy.words == original.words);
  }
}

TEST_CASE("defaults are written in order of declaration", "[config]") {
  Sample sample;
  CHECK(write_yaml(fields_of(sample)) ==
        "flag: false\n"
        "count: 1\n"
        "rate: 0.5\n"
        "text: plain\n"
        "words: []\n"
        "counts: []\n"
        "rates: []\n"
        "by_name: {}\n"
        "shape: round\n"
        "inner:\n"
        "  depth: 3\n"
        "  part:\n"
        "    name: \"\"\n"
        "    share: 1.0\n"
        "parts: []\n");
}

TEST_CASE("numbers are written as short as they read back, and always as numbers", "[config]") {
  CHECK(number_text(1) == "1.0");
  CHECK(number_text(2e-5) == "2.0e-05");
  CHECK(number_text(1.5e-7) == "1.5e-07");
  CHECK(number_text(0.1) == "0.1");
  CHECK(number_text(1e22) == "1.0e+22");
}

TEST_CASE("the reference has a table per struct and a row per field", "[config]") {
  Sample sample;
  CHECK(reference_markdown(fields_of(sample)) ==
        "| field | type | default | allowed | meaning |\n"
        "|---|---|---|---|---|\n"
        "| `flag` | true or false | `false` |  | A flag. |\n"
        "| `count` | integer | `1` | 0 to 100 | A count \\| of things. |\n"
        "| `rate` | number | `0.5` | -10 to 10 | A rate. |\n"
        "| `text` | text | `plain` |  | A text. |\n"
        "| `words` | list of texts | `[]` |  | Words. |\n"
        "| `counts` | list of integers | `[]` | at least 1 | Counts. |\n"
        "| `rates` | list of numbers | `[]` | at least 0 | Rates. |\n"
        "| `by_name` | numbers by name | `{}` | 0 to 1 | Numbers. |\n"
        "| `shape` | choice | `round` | round, square | A shape. |\n"
        "\n## inner\n\nInner things.\n\n"
        "| field | type | default | allowed | meaning |\n"
        "|---|---|---|---|---|\n"
        "| `inner.depth` | integer | `3` | at least 1 | A depth. |\n"
        "\n## inner.part\n\nA part.\n\n"
        "| field | type | default | allowed | meaning |\n"
        "|---|---|---|---|---|\n"
        "| `inner.part.name` | text | `\"\"` |  | A name. |\n"
        "| `inner.part.share` | number | `1.0` | 0 to 1 | A share. |\n"
        "\n## parts[]\n\nParts.\n\n"
        "| field | type | default | allowed | meaning |\n"
        "|---|---|---|---|---|\n"
        "| `parts[].name` | text | `\"\"` |  | A name. |\n"
        "| `parts[].share` | number | `1.0` | 0 to 1 | A share. |\n");
}

}  // namespace convllava::config::testing
