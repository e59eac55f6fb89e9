#include "convllava/train/skipped_steps.h"

#include "tests/support/golden.h"

using namespace convllava;

namespace {

/// The step, from 1, at which a host that looks only when it must finds that there were too many; 0 when it does not.
int64_t found_at(const std::vector<int>& skipped, int64_t most_in_row) {
  train::SkippedSteps steps(most_in_row);
  for (size_t i = 0; i < skipped.size(); ++i) {
    steps.add(torch::tensor(static_cast<float>(skipped[i])));
    if (steps.must_look() && steps.look().too_many) return static_cast<int64_t>(i) + 1;
  }
  return 0;
}

}  // namespace

TEST_CASE("one step more than allowed in a row is found at once, wherever the row begins", "[train]") {
  for (const int64_t most : {0, 1, 3, 10}) {
    for (int64_t good = 0; good < 30; ++good) {
      std::vector<int> skipped(good, 0);
      skipped.insert(skipped.end(), 40, 1);
      INFO(good << " good steps, at most " << most);
      CHECK(found_at(skipped, most) == good + most + 1);
    }
  }
}

TEST_CASE("skipped steps between good ones are counted, and training continues", "[train]") {
  std::vector<int> skipped;
  for (int i = 0; i < 60; ++i) skipped.push_back(i % 4 != 3);
  CHECK(found_at(skipped, 3) == 0);
  CHECK(found_at(skipped, 2) == 3);
  train::SkippedSteps steps(10);
  for (const int one : skipped) steps.add(torch::tensor(static_cast<float>(one)));
  const auto count = steps.look();
  CHECK(count.skipped == 45);
  CHECK(count.steps == 60);
  CHECK(count.in_row == 0);
  CHECK(steps.look().steps == 0);
}

TEST_CASE("the host looks seldom while all goes well", "[train]") {
  train::SkippedSteps steps(10);
  int looks = 0;
  for (int i = 0; i < 110; ++i) {
    steps.add(torch::zeros({}));
    if (!steps.must_look()) continue;
    steps.look();
    ++looks;
  }
  CHECK(looks == 10);
}
