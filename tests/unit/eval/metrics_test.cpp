#include <fstream>
#include <nlohmann/json.hpp>

#include "convllava/core/error.h"
#include "convllava/eval/anls.h"
#include "convllava/eval/vqa_accuracy.h"
#include "tests/catch.h"

namespace convllava::eval {
namespace {

// Made by scripts/golden/eval.py.
nlohmann::json golden() {
  std::ifstream stream(CONVLLAVA_SOURCE_DIR "/tests/golden/eval/answers.json");
  return nlohmann::json::parse(stream);
}

}  // namespace

TEST_CASE("answers are normalised as by EvalAI's processor", "[eval]") {
  const auto cases = golden()["normalized"];
  REQUIRE(cases.size() == 500);
  for (const auto& item : cases) {
    const auto answer = item[0].get<std::string>();
    INFO("answer: " << answer);
    CHECK(normalize_answer(answer) == item[1].get<std::string>());
  }
}

TEST_CASE("soft accuracy equals the reference's", "[eval]") {
  const auto cases = golden()["soft_accuracy"];
  REQUIRE(cases.size() >= 100);
  for (const auto& item : cases) {
    INFO("prediction: " << item[0]);
    CHECK(soft_accuracy(item[0].get<std::string>(), item[1].get<std::vector<std::string>>()) ==
          Approx(item[2].get<double>()).margin(1e-12));
  }
}

TEST_CASE("of ten references 0, 1, 2, 3, 4 equal ones give 0, 0.3, 0.6, 0.9, 1", "[eval]") {
  const double expected[] = {0, 0.3, 0.6, 0.9, 1, 1, 1, 1, 1, 1, 1};
  for (size_t equal = 0; equal <= 10; ++equal) {
    std::vector<std::string> answers(10, "other");
    std::fill_n(answers.begin(), equal, "Stop.");
    CHECK(soft_accuracy("stop", answers) == Approx(expected[equal]).margin(1e-12));
  }
}

TEST_CASE("ANLS equals the reference's", "[eval]") {
  const auto cases = golden()["anls"];
  REQUIRE(cases.size() >= 100);
  for (const auto& item : cases) {
    INFO("prediction: " << item[0]);
    CHECK(anls(item[0].get<std::string>(), item[1].get<std::vector<std::string>>()) ==
          Approx(item[2].get<double>()).margin(1e-12));
  }
}

TEST_CASE("ANLS counts code points and cuts at one half", "[eval]") {
  CHECK(anls("日本", {"日本語"}) == Approx(2.0 / 3));
  CHECK(anls("abcd", {"abxy"}) == 0.5);
  CHECK(anls("abcd", {"axyz"}) == 0);
  CHECK(anls("", {""}) == 1);
  CHECK(anls("b", {"something else", "b"}) == 1);
}

TEST_CASE("a score without references is refused", "[eval]") {
  using testing::contains;
  CHECK_THAT(testing::message_of<DataError>([] { soft_accuracy("a", {}); }), contains("no reference answers"));
  CHECK_THAT(testing::message_of<DataError>([] { anls("a", {}); }), contains("no reference answers"));
}

}  // namespace convllava::eval
