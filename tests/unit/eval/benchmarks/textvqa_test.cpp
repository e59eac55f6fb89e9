#include <nlohmann/json.hpp>

#include "convllava/core/error.h"
#include "convllava/eval/registry.h"
#include "tests/catch.h"
#include "tests/support/errors.h"
#include "tests/unit/eval/fixtures.h"

namespace convllava::eval {
namespace {

using convllava::testing::contains;
using convllava::testing::Parts;
using convllava::testing::thrown;
using testing::golden;
using testing::json_list;
using testing::OrdinaryUser;
using testing::shared_data;
using testing::TemporaryFolder;
using testing::vqa_file;
using testing::write_text;

constexpr const char* kSomeHaveNoAnswer = "some questions have no answer";
constexpr const char* kTwoAnswers = "the question has two answers";
constexpr const char* kNotAPrompt = "not a prompt of LLaVA";
constexpr const char* kWrongNumber = "wrong number of reference answers for soft accuracy";

constexpr const char* kTextVqaFile = "TextVQA_0.5.1_val.json";
constexpr const char* kSuffix = "\nAnswer the question using a single word or phrase.";

std::string entry(const std::string& id, const std::string& question, const std::string& more) {
  return "{\"question_id\": " + id + ", \"question\": \"" + question + "\", \"image_id\": \"im" + id + "\"" +
         (more.empty() ? "" : ", " + more) + "}";
}

}  // namespace

TEST_CASE("TextVQA's questions come from its official file", "[eval]") {
  const TemporaryFolder folder("eval_textvqa_questions");
  write_text(folder / kTextVqaFile,
             vqa_file({entry("34602", "what is the BRAND of this camera?", "\"answers\": " + json_list("dakota")),
                       entry("7", "élan or not", "\"image\": \"elsewhere/x.png\""),
                       entry("8", "and this", "\"set_name\": \"test\"")}));
  const auto questions = find_benchmark("textvqa").load(folder.path())->questions();
  REQUIRE(questions.size() == 3);
  CHECK(questions[0].id == "34602");
  CHECK(questions[0].images.at(0).path == folder / "train_images/im34602.jpg");
  CHECK(questions[0].text == std::string("What is the brand of this camera?") + kSuffix);
  CHECK(questions[1].images.at(0).path == folder / "elsewhere/x.png");
  CHECK(questions[1].text == std::string("Élan or not") + kSuffix);
  CHECK(questions[2].images.at(0).path == folder / "test_images/im8.jpg");
}

TEST_CASE("TextVQA's prompts are those of lmms-eval, whatever the language of the question", "[eval]") {
  const TemporaryFolder folder("eval_textvqa_prompts");
  std::vector<std::string> entries;
  std::vector<std::string> expected;
  const auto cases = golden()["prompts"];
  for (const auto& row : cases) {
    if (row[0] == "") continue;  // is refused
    nlohmann::json entry = {{"question_id", entries.size()}, {"question", row[0]}, {"image", "x.jpg"}};
    entries.push_back(entry.dump());
    expected.push_back(row[1].get<std::string>());
  }
  write_text(folder / kTextVqaFile, vqa_file(entries));
  const auto questions = find_benchmark("textvqa").load(folder.path())->questions();
  REQUIRE(questions.size() == expected.size());
  for (size_t i = 0; i < questions.size(); ++i) CHECK(questions[i].text == expected[i]);
}

TEST_CASE("LLaVA's answers file gets the score that eval_textvqa.py prints", "[eval]") {
  const TemporaryFolder folder("eval_textvqa_llava");
  const auto fixture = golden()["llava_answers"];
  write_text(folder / kTextVqaFile, nlohmann::json({{"data", fixture[0]}}).dump());
  std::string lines;
  for (const auto& answer : fixture[1]) lines += answer.dump(-1, ' ', true) + "\n";
  write_text(folder / "answers.jsonl", lines);
  const auto predictions = read_predictions(folder / "answers.jsonl");
  const auto scores = find_benchmark("textvqa").load(folder.path())->score(predictions, folder / "answers.jsonl");
  CHECK(scores[0].value == Approx(fixture[2].get<double>()).margin(0.005));  // printed with two digits
}

TEST_CASE("LLaVA's answers are matched by image and question", "[eval]") {
  const TemporaryFolder folder("eval_textvqa_llava_fit");
  const auto of_image = [](int id, const std::string& question, const std::string& answer) {
    return "{\"question_id\": " + std::to_string(id) + ", \"image_id\": \"h0\", \"question\": \"" + question +
           "\", \"answers\": " + json_list(answer) + "}";
  };
  write_text(folder / kTextVqaFile, vqa_file({of_image(0, "q", "a"), of_image(1, "r", "b"), of_image(2, "R", "c")}));
  const auto score = [&](const std::vector<std::pair<std::string, std::string>>& questions_and_texts) {
    std::vector<Prediction> predictions;
    for (const auto& [question, text] : questions_and_texts) {
      const auto line = static_cast<int64_t>(predictions.size() + 1);
      predictions.push_back({"h0", text, "", line, question + kSuffix});
    }
    return find_benchmark("textvqa").load(folder.path())->score(predictions, "p.jsonl")[0].value;
  };
  const auto error = [&](const std::vector<std::pair<std::string, std::string>>& questions_and_texts) {
    return thrown<DataError>([&] { score(questions_and_texts); });
  };
  // The question that was asked twice has one entry in eval_textvqa.py's dict: the last.
  CHECK(score({{"r", "b"}, {"q", "a"}, {"R", "c"}}) == Approx(200.0 / 3));
  CHECK(error({{"q", "a"}, {"r", "b"}}) == Parts{.where = "p.jsonl",
                                                 .kind = kSomeHaveNoAnswer,
                                                 .got = "1 of 3, for example 2",
                                                 .expected = "one answer for each question"});
  CHECK(error({{"q", "a"}, {"r", "b"}, {"q", "c"}, {"r", "d"}}) ==
        Parts{.where = "p.jsonl:3", .kind = kTwoAnswers, .got = "0", .expected = "only the answer in p.jsonl:1"});
  CHECK(error({{"q", "a"}, {"s", "b"}}) ==
        Parts{.where = "p.jsonl:2",
              .kind = "the benchmark has no such question about this image",
              .got = "h0 \"s\"",
              .expected = "an \"image_id\" and a \"question\" of the benchmark's file"});
  CHECK(error({{"q", "a"}, {"r\nand more", "b"}}) ==
        Parts{.where = "p.jsonl:2",
              .kind = kNotAPrompt,
              .got = "\"r\\x0aand more\\x0aAnswer the question using a s...\""});
  CHECK(error({{"q", "a"}, {"OCR tokens: A, B. Question: r?", "b"}}) ==
        Parts{.where = "p.jsonl:2", .kind = kNotAPrompt});
}

TEST_CASE("TextVQA's file can have any name when it is given itself", "[eval]") {
  const TemporaryFolder folder("eval_textvqa_file");
  write_text(folder / "mine.json", vqa_file({entry("1", "what", "\"answers\": " + json_list("x"))}));
  CHECK(find_benchmark("textvqa").load(folder / "mine.json")->questions().size() == 1);
  CHECK(find_benchmark("textvqa").load(folder / "mine.json")->file() == folder / "mine.json");
  const auto error = thrown<DataError>([&] { find_benchmark("textvqa").load(folder.path())->questions(); });
  CHECK(error ==
        Parts{.kind = "the benchmark's file was not found",
              .got = std::string("a folder without ") + kTextVqaFile,
              .expected = std::string("a folder with ") + kTextVqaFile + ", or the path of another split's file"});
  CHECK(thrown<DataError>([&] { find_benchmark("textvqa").load(folder / "none")->questions(); }) ==
        Parts{.got = "no such file or folder"});
}

TEST_CASE("an invalid path to TextVQA is reported with the reason", "[eval]") {
  const TemporaryFolder folder("eval_textvqa_path");
  const auto error = [](const std::filesystem::path& path) {
    return thrown<DataError>([&] { find_benchmark("textvqa").load(path)->questions(); });
  };
  CHECK(error(folder / std::string(300, 'n')) == Parts{.got = "File name too long"});
  std::filesystem::create_directories(folder / "locked/inside");
  std::filesystem::permissions(folder / "locked", std::filesystem::perms(0));
  {
    const OrdinaryUser user;
    CHECK(error(folder / "locked/inside") == Parts{.got = "Permission denied"});
  }
  std::filesystem::permissions(folder / "locked", std::filesystem::perms(0755));
}

TEST_CASE("TextVQA's score is the mean soft accuracy, over all and for each kind of question", "[eval]") {
  const TemporaryFolder folder("eval_textvqa_score");
  const std::string three = R"("answers": ["red","Red.","the red","b","b","b","b","c","c","c"])";
  write_text(folder / kTextVqaFile,
             vqa_file({entry("1", "q", three + ", \"question_kind\": \"color\""),
                       entry("2", "q", three + ", \"question_kind\": \"color\""),
                       entry("3", "q", "\"question_kind\": \"a number\", \"answers\": " + json_list("two")),
                       entry("4", "q", "\"answers\": " + json_list("two"))}));
  const auto scores = find_benchmark("textvqa")
                          .load(folder.path())
                          ->score({{"4", "3", ""}, {"3", "2", ""}, {"2", "B", ""}, {"1", "red", ""}}, "p.jsonl");
  REQUIRE(scores.size() == 3);
  CHECK(scores[0].name == "accuracy");
  CHECK(scores[0].value == Approx((90 + 100 + 100 + 0) / 4.0));
  CHECK(scores[1].name == "accuracy/a number");
  CHECK(scores[1].value == Approx(100));
  CHECK(scores[2].name == "accuracy/color");
  CHECK(scores[2].value == Approx(95));
}

TEST_CASE("predictions that do not fit the questions are refused", "[eval]") {
  const TemporaryFolder folder("eval_textvqa_fit");
  const std::string answers = "\"answers\": " + json_list("two");
  write_text(folder / kTextVqaFile,
             vqa_file({entry("1", "q", answers), entry("2", "q", answers), entry("3", "q", answers)}));
  const auto error = [&](const std::vector<Prediction>& predictions) {
    return thrown<DataError>([&] { find_benchmark("textvqa").load(folder.path())->score(predictions, "p.jsonl"); });
  };
  CHECK(error({}) == Parts{.where = "p.jsonl", .kind = kSomeHaveNoAnswer, .got = "3 of 3, for example 1, 2, 3"});
  CHECK(error({{"1", "a", ""}}) == Parts{.kind = kSomeHaveNoAnswer, .got = "2 of 3, for example 2, 3"});
  CHECK(error({{"1", "a", "", 1}, {"2", "b", "", 2}, {"1", "b", "", 4}}) ==
        Parts{.where = "p.jsonl:4", .kind = kTwoAnswers, .got = "1", .expected = "only the answer in p.jsonl:1"});
  CHECK(error({{"1", "a", "", 1}, {"2", "a", "", 2}, {"99", "b", "", 3}, {"3", "b", "", 4}}) ==
        Parts{.where = "p.jsonl:3",
              .kind = "unknown question id",
              .got = "99",
              .expected = "the id of one of the benchmark's 3 questions"});
}

TEST_CASE("a split without reference answers can be asked but not scored", "[eval]") {
  const TemporaryFolder folder("eval_textvqa_test_split");
  write_text(folder / "TextVQA_0.5.1_test.json", vqa_file({entry("1", "q", "\"set_name\": \"test\"")}));
  const auto& benchmark = find_benchmark("textvqa");
  CHECK(benchmark.load(folder / "TextVQA_0.5.1_test.json")->questions().size() == 1);
  CHECK_FALSE(benchmark.load(folder / "TextVQA_0.5.1_test.json")->has_answers());
  CHECK(thrown<DataError>([&] {
          benchmark.load(folder / "TextVQA_0.5.1_test.json")->score({{"1", "a", ""}}, "p.jsonl");
        }) == Parts{.where = "data[0]", .kind = "no reference answers to score with"});

  const std::string answers = "\"answers\": " + json_list("x");
  write_text(folder / "some.json", vqa_file({entry("1", "q", answers), entry("2", "q", "")}));
  CHECK(thrown<DataError>([&] { benchmark.load(folder / "some.json")->has_answers(); }) ==
        Parts{.where = "data[1]",
              .kind = "no reference answers, but other questions have some. Use --predict-only to skip scoring"});
  write_text(folder / "all.json", vqa_file({entry("1", "q", answers), entry("2", "q", answers)}));
  CHECK(benchmark.load(folder / "all.json")->has_answers());
  write_text(folder / "one_of_ten.json", vqa_file({entry("1", "q", answers), entry("2", "q", R"("answers": ["x"])")}));
  CHECK(thrown<DataError>([&] { benchmark.load(folder / "one_of_ten.json")->has_answers(); }) ==
        Parts{.where = "data[1]", .kind = kWrongNumber, .got = "1", .expected = "10"});
}

TEST_CASE("a TextVQA file that is broken is refused with the place", "[eval]") {
  const TemporaryFolder folder("eval_textvqa_broken");
  const auto error = [&](const std::string& bytes) {
    write_text(folder / kTextVqaFile, bytes);
    return thrown<DataError>([&] {
      const auto& benchmark = find_benchmark("textvqa");
      benchmark.load(folder.path())->questions();
      benchmark.load(folder.path())->score({{"1", "a", ""}}, "p.jsonl");
    });
  };
  const std::string answers = "\"answers\": " + json_list("x");
  const auto incomplete = error("{\"data\": [\n{\"question_id\": 1,\n \"quest");
  CHECK(incomplete == Parts{.where = "val.json:3", .kind = "the file is incomplete"});
  CHECK_THAT(incomplete.got(), contains("syntax error") && !contains("json.exception"));
  const auto invalid = error("{\"data\":\n oops}");
  CHECK(invalid == Parts{.where = "val.json:2", .expected = "JSON in the benchmark's official format"});
  CHECK_THAT(invalid.got(), contains("syntax error") && !contains("json.exception") && !contains("last read"));
  CHECK(error("{\"data\":\n" + std::string(200'000, '[')) ==
        Parts{.where = "val.json:2", .got = "more than 127 levels of nesting"});
  CHECK(error("") == Parts{.where = "val.json", .expected = "JSON in the benchmark's official format"});
  CHECK(error("\n") == Parts{.where = "val.json", .kind = "the file is empty"});
  CHECK(error("[]") == Parts{.where = "val.json", .kind = "not a JSON object", .got = "array"});
  CHECK(error("{\"data\": {}}") ==
        Parts{.where = "val.json", .field = "data", .kind = "not a list of questions", .got = "{}"});
  CHECK(error("{\"data\": []}") == Parts{.where = "val.json",
                                         .field = "data",
                                         .kind = "the file has no questions",
                                         .got = "[]",
                                         .expected = "at least one question"});
  CHECK(error(vqa_file({"5"})) == Parts{.where = "data[0]", .got = "number"});
  CHECK(error(vqa_file({"{\"question\": \"q\"}"})) ==
        Parts{.where = "data[0]", .field = "question_id", .got = "", .expected = "text or a whole number"});
  CHECK(error(vqa_file({"{\"question_id\": 1, \"question\": [2]}"})) ==
        Parts{.where = "data[0]", .field = "question", .got = "[2]", .expected = "text"});
  CHECK(error(vqa_file({"{\"question_id\": 1, \"question\": \"q\", \"image\": 5}"})) ==
        Parts{.where = "data[0]", .field = "image", .got = "5", .expected = "text"});
  CHECK(error(vqa_file({"{\"question_id\": 1, \"question\": \"\"}"})) ==
        Parts{.where = "data[0]", .field = "question", .kind = "the field is empty", .expected = "text"});
  CHECK(error(vqa_file({entry("1e999", "q", answers)})) ==
        Parts{.where = "val.json", .kind = "a number is out of range", .got = "number overflow parsing '1e999'"});
  CHECK(error(vqa_file({entry("1", "q", "\"answers\": [1]")})) ==
        Parts{.field = "answers", .got = "[1]", .expected = "a list of texts"});
  CHECK(error(vqa_file({entry("1", "q", answers), entry("1", "q", answers)})) ==
        Parts{.where = "data[1]", .field = "question_id", .kind = "the id occurs twice", .got = "1"});
  CHECK(error(vqa_file({"{\"question_id\": 1, \"question\": \"q\", " + answers + "}"})) ==
        Parts{.where = "data[0]", .kind = "the question has no image"});
  CHECK(error(vqa_file({entry("1", "q", "\"answers\": [\"x\"]")})) ==
        Parts{.kind = kWrongNumber, .got = "1", .expected = "10"});
}

TEST_CASE("scene text in TextVQA's format is read with its images", "[eval]") {
  const auto file = shared_data("real/scene_text_val_textvqa.json");
  if (!std::filesystem::exists(file)) SKIP("real/scene_text_val_textvqa.json is not in CONVLLAVA_SHARED_DATA");
  const auto& benchmark = find_benchmark("textvqa");
  const auto questions = benchmark.load(file)->questions();
  REQUIRE(questions.size() == 473);
  for (const auto& question : questions) REQUIRE(std::filesystem::exists(question.images.at(0).path));
  CHECK(questions[0].text ==
        std::string("What text is written in the region [0.09, 0.23, 0.11, 0.29] of the image?") + kSuffix);
  std::vector<Prediction> predictions;
  for (const auto& question : questions) predictions.push_back({question.id, "TOKYO", ""});
  const auto score = benchmark.load(file)->score(predictions, "p.jsonl");
  CHECK(score[0].value > 0);
  CHECK(score[0].value < 10);
}

}  // namespace convllava::eval
