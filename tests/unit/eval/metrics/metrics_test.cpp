#include "convllava/core/error.h"
#include "convllava/eval/metrics/anls.h"
#include "convllava/eval/metrics/vqa_accuracy.h"
#include "tests/catch.h"
#include "tests/support/errors.h"
#include "tests/unit/eval/fixtures.h"

namespace convllava::eval {
namespace {

using convllava::testing::Parts;
using convllava::testing::thrown;
using testing::golden;

}  // namespace

TEST_CASE("answers are normalised as by the EvalAIAnswerProcessor of LLaVA and lmms-eval", "[eval]") {
  const auto cases = golden()["normalized"];
  REQUIRE(cases.size() > 2000);
  for (const auto& item : cases) {
    const auto answer = item[0].get<std::string>();
    INFO("answer: " << answer);
    CHECK(normalize_answer(answer) == item[1].get<std::string>());
  }
}

TEST_CASE("soft accuracy equals that of LLaVA and lmms-eval", "[eval]") {
  const auto cases = golden()["soft_accuracy"];
  REQUIRE(cases.size() >= 250);
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

TEST_CASE("ANLS equals that of lmms-eval", "[eval]") {
  const auto cases = golden()["anls"];
  REQUIRE(cases.size() >= 250);
  for (const auto& item : cases) {
    INFO("prediction: " << item[0]);
    CHECK(anls(item[0].get<std::string>(), item[1].get<std::vector<std::string>>()) ==
          Approx(item[2].get<double>()).margin(1e-12));
  }
}

TEST_CASE("ANLS divides by the length in upper case, where one letter can be two", "[eval]") {
  CHECK(anls("strabe", {"straße"}) == Approx(6.0 / 7));
  CHECK(anls("Grose", {"Größe"}) == Approx(4.0 / 6));
  CHECK(anls("σας", {"ΣΑΣ"}) == 1);
  CHECK(anls("ơn", {"ƠN"}) == 1);
  CHECK(anls("", {"İİ"}) == 0);  // four edits to the lower case of two letters
}

TEST_CASE("ANLS counts code points and cuts at one half", "[eval]") {
  CHECK(anls("日本", {"日本語"}) == Approx(2.0 / 3));
  CHECK(anls("abcd", {"abxy"}) == 0.5);
  CHECK(anls("abcd", {"axyz"}) == 0);
  CHECK(anls("", {""}) == 1);
  CHECK(anls("b", {"something else", "b"}) == 1);
}

TEST_CASE("a score without references is refused", "[eval]") {
  CHECK(thrown<DataError>([] { soft_accuracy("a", {}); }) == Parts{.where = "soft accuracy"});
  CHECK(thrown<DataError>([] { anls("a", {}); }) == Parts{.where = "ANLS", .kind = "no reference answers"});
}

}  // namespace convllava::eval
