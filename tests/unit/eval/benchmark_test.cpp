#include "convllava/eval/benchmark.h"

#include "convllava/core/error.h"
#include "tests/catch.h"
#include "tests/support/errors.h"
#include "tests/unit/eval/fixtures.h"

namespace convllava::eval {
namespace {

using convllava::testing::Parts;
using convllava::testing::thrown;
using testing::TemporaryFolder;
using testing::write_text;

constexpr const char* kInvalidJson = "invalid JSON";
constexpr const char* kAbsent = "the field is absent";
constexpr const char* kWrongType = "wrong type";

}  // namespace

TEST_CASE("a prediction survives its line", "[eval]") {
  for (const Prediction& prediction :
       {Prediction{"12", "a \"quoted\"\nanswer \\ é", ""}, Prediction{"q", "", "image.jpg: truncated"}}) {
    const auto line = prediction_line(prediction);
    CHECK(line.find('\n') == std::string::npos);
    const auto read = parse_prediction(line, "here");
    CHECK(read.id == prediction.id);
    CHECK(read.text == prediction.text);
    CHECK(read.error == prediction.error);
  }
  CHECK(prediction_line({"1", "red", ""}) == R"({"question_id":"1","text":"red"})");
}

TEST_CASE("bytes that are not UTF-8 do not break a prediction's line", "[eval]") {
  CHECK(parse_prediction(prediction_line({"1", "a\xFFz", ""}), "here").text == "a\uFFFDz");
}

TEST_CASE("predictions of other programs are read", "[eval]") {
  const TemporaryFolder folder("eval_other_predictions");
  write_text(
      folder / "p.jsonl",
      "{\"question_id\": 7, \"prompt\": \"?\", \"text\": \"yes\"}\r\n\n{\"text\": \"no\", \"question_id\": \"x\"}");
  const auto predictions = read_predictions(folder / "p.jsonl");
  REQUIRE(predictions.size() == 2);
  CHECK(predictions[0].id == "7");
  CHECK(predictions[0].text == "yes");
  CHECK(predictions[0].line == 1);
  CHECK(predictions[1].id == "x");
  CHECK(predictions[1].line == 3);
  CHECK(predictions[1].text == "no");
  CHECK(predictions[0].prompt == "?");
  CHECK(predictions[1].prompt.empty());
}

TEST_CASE("of a field that is there twice the last counts, as in Python", "[eval]") {
  CHECK(parse_prediction(R"({"question_id": 1, "text": "a", "question_id": 2, "text": "b"})", "here").id == "2");
  CHECK(parse_prediction(R"({"question_id": 1, "text": "a", "text": "\ud83e\udd99"})", "here").text == "🦙");
}

TEST_CASE("a broken line of predictions is named", "[eval]") {
  const TemporaryFolder folder("eval_broken_predictions");
  const auto error = [&](const std::string& line) {
    write_text(folder / "p.jsonl", "{\"question_id\": 1, \"text\": \"\"}\n" + line + "\n");
    return thrown<DataError>([&] { read_predictions(folder / "p.jsonl"); });
  };
  CHECK(error("{\"question_id\": 2, \"te") == Parts{.where = "p.jsonl:2", .kind = kInvalidJson});
  CHECK(error(std::string(200'000, '[')) ==
        Parts{.got = "more than 127 levels of nesting",
              .expected = "{\"question_id\": \"...\", \"text\": \"...\"} on one line"});
  CHECK(error("[1, 2]") == Parts{.where = "p.jsonl:2", .kind = "not a JSON object", .got = "array"});
  CHECK(error("{\"question_id\": 2}") ==
        Parts{.where = "p.jsonl:2", .field = "text", .kind = kAbsent, .expected = "text"});
  CHECK(error("{\"question_id\": 2.5, \"text\": \"a\"}") ==
        Parts{.field = "question_id", .kind = kWrongType, .got = "2.5", .expected = "text or a whole number"});
  CHECK(error("{\"question_id\": null, \"text\": \"a\"}") == Parts{.field = "question_id", .kind = kAbsent});
  CHECK(error("{\"question_id\": 2, \"text\": 3}") == Parts{.field = "text", .kind = kWrongType, .got = "3"});
  CHECK(error("{\"question_id\": 2, \"text\": [\"a\"]}") ==
        Parts{.field = "text", .kind = kWrongType, .got = "[\"a\"]"});
  CHECK(error("{\"question_id\": 2, \"text\": null}") == Parts{.field = "text", .kind = kAbsent});
  CHECK(error("{\"question_id\": 2, \"text\": NaN}") == Parts{.field = "text", .kind = kWrongType, .got = "NaN"});
  CHECK(error("{\"question_id\": NaN, \"text\": \"a\"}") ==
        Parts{.field = "question_id", .kind = kWrongType, .got = "NaN"});
  CHECK(error("{\"question_id\": 2, \"text\": \"\\ud83d\"}") == Parts{.where = "p.jsonl:2", .kind = kInvalidJson});
  CHECK(error("x") == Parts{.expected = "{\"question_id\": \"...\", \"text\": \"...\"} on one line"});
  CHECK(thrown<DataError>([&] { read_predictions(folder / "absent.jsonl"); }) == Parts{.where = "absent.jsonl"});
}

}  // namespace convllava::eval
