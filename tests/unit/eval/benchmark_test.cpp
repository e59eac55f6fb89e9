#include "convllava/eval/benchmark.h"

#include "convllava/core/error.h"
#include "tests/catch.h"
#include "tests/unit/eval/fixtures.h"

namespace convllava::eval {
namespace {

using convllava::testing::contains;
using convllava::testing::message_of;
using testing::TemporaryFolder;
using testing::write_text;

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
  const auto message = [&](const std::string& line) {
    write_text(folder / "p.jsonl", "{\"question_id\": 1, \"text\": \"\"}\n" + line + "\n");
    return message_of<DataError>([&] { read_predictions(folder / "p.jsonl"); });
  };
  CHECK_THAT(message("{\"question_id\": 2, \"te"), contains("p.jsonl:2: not JSON, or cut off in the middle"));
  CHECK_THAT(message(std::string(200'000, '[')), contains("got more than 127 levels of nesting; expected {"));
  CHECK_THAT(message("[1, 2]"), contains("p.jsonl:2: not a prediction"));
  CHECK_THAT(message("{\"question_id\": 2}"), contains("p.jsonl:2: not a prediction"));
  CHECK_THAT(message("{\"question_id\": 2.5, \"text\": \"a\"}"), contains("neither text nor a whole number"));
  CHECK_THAT(message("{\"question_id\": null, \"text\": \"a\"}"), contains("a whole number; got null"));
  CHECK_THAT(message("{\"question_id\": 2, \"text\": 3}"), contains("\"text\" is not text; got number"));
  CHECK_THAT(message("{\"question_id\": 2, \"text\": [\"a\"]}"), contains("\"text\" is not text; got array"));
  CHECK_THAT(message("{\"question_id\": 2, \"text\": null}"), contains("\"text\" is not text; got null"));
  CHECK_THAT(message("{\"question_id\": 2, \"text\": NaN}"), contains("\"text\" is not text; got number"));
  CHECK_THAT(message("{\"question_id\": NaN, \"text\": \"a\"}"), contains("a whole number; got number"));
  CHECK_THAT(message("{\"question_id\": 2, \"text\": \"\\ud83d\"}"), contains("p.jsonl:2: not JSON"));
  CHECK_THAT(message("x"), contains("expected {\"question_id\": \"...\", \"text\": \"...\"} on a line of its own"));
  CHECK_THAT(message_of<DataError>([&] { read_predictions(folder / "absent.jsonl"); }), contains("absent.jsonl"));
}

}  // namespace convllava::eval
