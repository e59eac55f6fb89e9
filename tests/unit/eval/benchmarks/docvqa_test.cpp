#include <fstream>
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
using testing::shared_data;
using testing::TemporaryFolder;
using testing::vqa_file;
using testing::write_text;

constexpr const char* kDocVqaFile = "val_v1.0_withQT.json";

}  // namespace

TEST_CASE("DocVQA's questions and score come from its official file", "[eval]") {
  const TemporaryFolder folder("eval_docvqa");
  write_text(
      folder / kDocVqaFile,
      vqa_file({R"({"questionId": 5, "question": "What is the TOTAL?", "image": "documents/a.png", "docId": 1,
                           "answers": ["$ 1,200.00", "1,200.00"]})",
                R"({"questionId": 6, "question": "Who?", "image": "documents/b.png", "answers": ["Dr. Smith"]})"}));
  const auto& benchmark = find_benchmark("docvqa");
  const auto questions = benchmark.load(folder.path())->questions();
  REQUIRE(questions.size() == 2);
  CHECK(benchmark.load(folder.path())->file() == folder / kDocVqaFile);
  CHECK(benchmark.load(folder.path())->has_answers());
  CHECK(questions[0].id == "5");
  CHECK(questions[0].images.at(0).path == folder / "documents/a.png");
  CHECK(questions[0].text == "What is the TOTAL?\nAnswer the question using a single word or phrase.");
  const auto scores = benchmark.load(folder.path())->score({{"5", "1,200.00", ""}, {"6", "dr. smyth", ""}}, "p.jsonl");
  REQUIRE(scores.size() == 1);
  CHECK(scores[0].name == "anls");
  CHECK(scores[0].value == Approx(100 * (1 + 8.0 / 9) / 2));
}

TEST_CASE("a DocVQA file that cannot be asked or scored is refused", "[eval]") {
  const TemporaryFolder folder("eval_docvqa_broken");
  const auto& benchmark = find_benchmark("docvqa");
  write_text(folder / kDocVqaFile, vqa_file({R"({"questionId": 5, "question": "What?"})"}));
  CHECK(thrown<DataError>([&] { benchmark.load(folder.path())->questions(); }) ==
        Parts{.where = "data[0]", .kind = "the question has no image"});
  CHECK(thrown<DataError>([&] {
          benchmark.load(folder.path())->score({{"5", "a", ""}}, "p.jsonl");
        }) == Parts{.where = "data[0]", .expected = "a split with answers, such as val"});
  CHECK_FALSE(benchmark.load(folder.path())->has_answers());
  CHECK_THAT(thrown<DataError>([&] { benchmark.load(folder / "none")->questions(); }).expected(),
             contains(kDocVqaFile));
}

TEST_CASE("the ANLS of a published example is 0.378", "[eval]") {
  const auto gold = shared_data("anls/gold_label.json");
  if (!std::filesystem::exists(gold)) SKIP("anls/gold_label.json is not in CONVLLAVA_SHARED_DATA");
  std::ifstream stream(shared_data("anls/submission.json"));
  std::vector<Prediction> predictions;
  for (const auto& answer : nlohmann::json::parse(stream)) {
    predictions.push_back({answer["questionId"].dump(), answer["answer"].get<std::string>(), ""});
  }
  const auto scores = find_benchmark("docvqa").load(gold)->score(predictions, "p.jsonl");
  CHECK(scores[0].value == Approx(37.8).margin(0.05));
}

TEST_CASE("receipts in DocVQA's format are read with their images", "[eval]") {
  const auto file = shared_data("real/receipts_val_docvqa.json");
  if (!std::filesystem::exists(file)) SKIP("real/receipts_val_docvqa.json is not in CONVLLAVA_SHARED_DATA");
  const auto questions = find_benchmark("docvqa").load(file)->questions();
  REQUIRE(questions.size() == 100);
  for (const auto& question : questions) REQUIRE(std::filesystem::exists(question.images.at(0).path));
}

}  // namespace convllava::eval
