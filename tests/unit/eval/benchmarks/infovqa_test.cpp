#include <nlohmann/json.hpp>

#include "convllava/core/error.h"
#include "convllava/eval/registry.h"
#include "tests/catch.h"
#include "tests/support/errors.h"
#include "tests/unit/eval/fixtures.h"

namespace convllava::eval {
namespace {

using convllava::testing::Parts;
using convllava::testing::thrown;
using testing::golden;
using testing::TemporaryFolder;
using testing::vqa_file;
using testing::write_text;

constexpr const char* kInfoVqaFile = "infographicsVQA_val_v1.0_withQT.json";

}  // namespace

TEST_CASE("InfographicVQA's questions come from its official file", "[eval]") {
  const TemporaryFolder folder("eval_infovqa");
  write_text(folder / kInfoVqaFile,
             vqa_file({R"({"questionId": 98313, "question": "Which YEAR?", "image_local_name": "38313.jpeg",
                           "image_url": "https://example.org/a.jpg", "answers": ["2013"]})",
                       R"({"questionId": 2, "question": "Who?", "image": "b.png", "answers": ["x"]})"}));
  const auto benchmark = find_benchmark("infovqa").load(folder.path());
  CHECK(benchmark->file() == folder / kInfoVqaFile);
  CHECK(benchmark->has_answers());
  const auto questions = benchmark->questions();
  REQUIRE(questions.size() == 2);
  CHECK(questions[0].id == "98313");
  CHECK(questions[0].text == "Which YEAR?\nAnswer the question using a single word or phrase.");
  CHECK(questions[0].images.at(0).path == folder / "infographicsvqa_images/38313.jpeg");
  CHECK(questions[1].images.at(0).path == folder / "b.png");
}

TEST_CASE("InfographicVQA's score is the mean ANLS of lmms-eval", "[eval]") {
  const TemporaryFolder folder("eval_infovqa_score");
  std::vector<std::string> entries;
  std::vector<Prediction> predictions;
  double sum = 0;
  const auto cases = golden()["anls"];
  for (const auto& row : cases) {
    const size_t id = entries.size();
    nlohmann::json entry = {{"questionId", id}, {"question", "q"}, {"image_local_name", "x"}, {"answers", row[1]}};
    entries.push_back(entry.dump());
    predictions.push_back({std::to_string(id), row[0].get<std::string>(), ""});
    sum += row[2].get<double>();
  }
  write_text(folder / kInfoVqaFile, vqa_file(entries));
  const auto scores = find_benchmark("infovqa").load(folder.path())->score(predictions, "p.jsonl");
  REQUIRE(scores.size() == 1);
  CHECK(scores[0].name == "anls");
  CHECK(scores[0].value == Approx(100 * sum / static_cast<double>(entries.size())));
}

TEST_CASE("an InfographicVQA question without an image is rejected", "[eval]") {
  const TemporaryFolder folder("eval_infovqa_no_image");
  write_text(folder / kInfoVqaFile, vqa_file({R"({"questionId": 5, "question": "What?"})"}));
  const auto benchmark = find_benchmark("infovqa").load(folder.path());
  CHECK(thrown<DataError>([&] { benchmark->questions(); }) == Parts{.where = "data[0]"});
}

}  // namespace convllava::eval
