#include <nlohmann/json.hpp>

#include "convllava/core/error.h"
#include "convllava/eval/registry.h"
#include "tests/catch.h"
#include "tests/unit/eval/fixtures.h"

namespace convllava::eval {
namespace {

using convllava::testing::contains;
using convllava::testing::message_of;
using testing::golden;
using testing::json_list;
using testing::OrdinaryUser;
using testing::shared_data;
using testing::TemporaryFolder;
using testing::vqa_file;
using testing::write_text;

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
  const auto message = [&](const std::vector<std::pair<std::string, std::string>>& questions_and_texts) {
    return message_of<DataError>([&] { score(questions_and_texts); });
  };
  // The question that was asked twice has one entry in eval_textvqa.py's dict: the last.
  CHECK(score({{"r", "b"}, {"q", "a"}, {"R", "c"}}) == Approx(200.0 / 3));
  CHECK(message({{"q", "a"}, {"r", "b"}}) ==
        "p.jsonl: questions without an answer; got 1 of 3, for example 2; expected one answer for each question");
  CHECK(message({{"q", "a"}, {"r", "b"}, {"q", "c"}, {"r", "d"}}) ==
        "p.jsonl:3: a question is answered twice; got 0; expected one answer, as in p.jsonl:1");
  CHECK(message({{"q", "a"}, {"s", "b"}}) ==
        "p.jsonl:2: the image has no such question; got h0 \"s\"; expected an \"image_id\" and a \"question\" of the "
        "benchmark's file");
  CHECK_THAT(message({{"q", "a"}, {"r\nand more", "b"}}),
             contains("p.jsonl:2: a prompt that LLaVA does not make; got \"r\\x0aand more"));
  CHECK_THAT(message({{"q", "a"}, {"OCR tokens: A, B. Question: r?", "b"}}),
             contains("p.jsonl:2: a prompt that LLaVA does not make"));
}

TEST_CASE("TextVQA's file can have any name when it is given itself", "[eval]") {
  const TemporaryFolder folder("eval_textvqa_file");
  write_text(folder / "mine.json", vqa_file({entry("1", "what", "\"answers\": " + json_list("x"))}));
  CHECK(find_benchmark("textvqa").load(folder / "mine.json")->questions().size() == 1);
  CHECK(find_benchmark("textvqa").load(folder / "mine.json")->file() == folder / "mine.json");
  const auto message = message_of<DataError>([&] { find_benchmark("textvqa").load(folder.path())->questions(); });
  CHECK_THAT(message, contains("the benchmark's file is not there; got a folder without it"));
  CHECK_THAT(message, contains(kTextVqaFile));
  CHECK_THAT(message_of<DataError>([&] { find_benchmark("textvqa").load(folder / "none")->questions(); }),
             contains("no such file or folder"));
  CHECK_THAT(message, contains("or the path of a file in that format, as for every other split"));
}

TEST_CASE("a path to TextVQA that cannot be followed is told with the reason", "[eval]") {
  const TemporaryFolder folder("eval_textvqa_path");
  const auto message = [](const std::filesystem::path& path) {
    return message_of<DataError>([&] { find_benchmark("textvqa").load(path)->questions(); });
  };
  CHECK_THAT(message(folder / std::string(300, 'n')), contains("got File name too long"));
  std::filesystem::create_directories(folder / "locked/inside");
  std::filesystem::permissions(folder / "locked", std::filesystem::perms(0));
  {
    const OrdinaryUser user;
    CHECK_THAT(message(folder / "locked/inside"), contains("got Permission denied"));
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
  const auto message = [&](const std::vector<Prediction>& predictions) {
    return message_of<DataError>([&] { find_benchmark("textvqa").load(folder.path())->score(predictions, "p.jsonl"); });
  };
  CHECK_THAT(message({}), contains("p.jsonl: questions without an answer; got 3 of 3, for example 1, 2, 3"));
  CHECK_THAT(message({{"1", "a", ""}}), contains("questions without an answer; got 2 of 3, for example 2, 3"));
  CHECK(message({{"1", "a", "", 1}, {"2", "b", "", 2}, {"1", "b", "", 4}}) ==
        "p.jsonl:4: a question is answered twice; got 1; expected one answer, as in p.jsonl:1");
  CHECK(message({{"1", "a", "", 1}, {"2", "a", "", 2}, {"99", "b", "", 3}, {"3", "b", "", 4}}) ==
        "p.jsonl:3: an answer to a question that the benchmark does not have; got 99; expected the ids of its 3 "
        "questions");
}

TEST_CASE("a split without reference answers can be asked but not scored", "[eval]") {
  const TemporaryFolder folder("eval_textvqa_test_split");
  write_text(folder / "TextVQA_0.5.1_test.json", vqa_file({entry("1", "q", "\"set_name\": \"test\"")}));
  const auto& benchmark = find_benchmark("textvqa");
  CHECK(benchmark.load(folder / "TextVQA_0.5.1_test.json")->questions().size() == 1);
  CHECK_FALSE(benchmark.load(folder / "TextVQA_0.5.1_test.json")->has_answers());
  CHECK_THAT(message_of<DataError>([&] {
               benchmark.load(folder / "TextVQA_0.5.1_test.json")->score({{"1", "a", ""}}, "p.jsonl");
             }),
             contains("data[0]: has no reference answers, so these predictions cannot be scored"));

  const std::string answers = "\"answers\": " + json_list("x");
  write_text(folder / "some.json", vqa_file({entry("1", "q", answers), entry("2", "q", "")}));
  CHECK_THAT(message_of<DataError>([&] { benchmark.load(folder / "some.json")->has_answers(); }),
             contains("data[1]: has no reference answers, which other questions have"));
  write_text(folder / "all.json", vqa_file({entry("1", "q", answers), entry("2", "q", answers)}));
  CHECK(benchmark.load(folder / "all.json")->has_answers());
  write_text(folder / "one_of_ten.json", vqa_file({entry("1", "q", answers), entry("2", "q", R"("answers": ["x"])")}));
  CHECK_THAT(message_of<DataError>([&] { benchmark.load(folder / "one_of_ten.json")->has_answers(); }),
             contains("data[1]: not the ten answers that soft accuracy is defined for; got 1; expected 10"));
}

TEST_CASE("a TextVQA file that is broken is refused with the place", "[eval]") {
  const TemporaryFolder folder("eval_textvqa_broken");
  const auto message = [&](const std::string& bytes) {
    write_text(folder / kTextVqaFile, bytes);
    return message_of<DataError>([&] {
      const auto& benchmark = find_benchmark("textvqa");
      benchmark.load(folder.path())->questions();
      benchmark.load(folder.path())->score({{"1", "a", ""}}, "p.jsonl");
    });
  };
  const std::string answers = "\"answers\": " + json_list("x");
  CHECK_THAT(message("{\"data\": [\n{\"question_id\": 1,\n \"quest"),
             contains("val.json:3: the file ends in the middle; got syntax error") && !contains("json.exception"));
  CHECK_THAT(message("{\"data\":\n oops}"), contains("val.json:2: not JSON; got syntax error") &&
                                                !contains("json.exception") && !contains("last read"));
  CHECK_THAT(message("{\"data\":\n" + std::string(200'000, '[')),
             contains("val.json:2: not JSON; got more than 127 levels of nesting"));
  CHECK_THAT(message(""), contains("val.json: the file is empty; expected JSON in the benchmark's official layout"));
  CHECK_THAT(message("\n"), contains("val.json: the file is empty"));
  CHECK_THAT(message("[]"), contains("not in the benchmark's layout; got array"));
  CHECK_THAT(message("{\"data\": []}"), contains("an object whose \"data\" is a list of questions"));
  CHECK_THAT(message(vqa_file({"5"})), contains("data[0]: not an object; got number"));
  CHECK_THAT(message(vqa_file({"{\"question\": \"q\"}"})), contains("data[0]: \"question_id\" is absent"));
  CHECK_THAT(message(vqa_file({"{\"question_id\": 1, \"question\": [2]}"})),
             contains("data[0]: \"question\" has the wrong type; got [2]; expected text"));
  CHECK_THAT(message(vqa_file({"{\"question_id\": 1, \"question\": \"q\", \"image\": 5}"})),
             contains("data[0]: \"image\" has the wrong type; got 5; expected a path"));
  CHECK_THAT(message(vqa_file({"{\"question_id\": 1, \"question\": \"\"}"})),
             contains("data[0]: \"question\" is empty; expected text"));
  CHECK_THAT(message(vqa_file({entry("1e999", "q", answers)})),
             contains("val.json: a number that cannot be represented; got number overflow") && contains("1e999"));
  CHECK_THAT(message(vqa_file({entry("1", "q", "\"answers\": [1]")})),
             contains("\"answers\" has the wrong type; got [1]; expected a list of texts"));
  CHECK_THAT(message(vqa_file({entry("1", "q", answers), entry("1", "q", answers)})),
             contains("data[1]: \"question_id\" was used before; got 1"));
  CHECK_THAT(message(vqa_file({"{\"question_id\": 1, \"question\": \"q\", " + answers + "}"})),
             contains("data[0]: names no image"));
  CHECK_THAT(message(vqa_file({entry("1", "q", "\"answers\": [\"x\"]")})),
             contains("not the ten answers that soft accuracy is defined for; got 1; expected 10"));
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
