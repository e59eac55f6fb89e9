#include "convllava/train/schedule.h"

#include "tests/support/golden.h"

using namespace convllava;

TEST_CASE("learning-rate curves equal transformers' schedules", "[train]") {
  const auto file = testing::golden("model/schedules.safetensors");
  for (const int64_t total : {200, 37, 10}) {
    const auto suffix = "." + std::to_string(total);
    const int64_t warmup = train::warmup_steps(file.tensor("ratio" + suffix).item<double>(), total);
    CHECK(warmup == file.tensor("warmup" + suffix).item<int64_t>());
    const auto cosine = file.tensor("cosine" + suffix);
    const auto constant = file.tensor("constant" + suffix);
    for (int64_t step = 0; step < total; ++step) {
      INFO(total << " steps, step " << step);
      CHECK(train::learning_rate_factor(config::Schedule::kCosine, step, warmup, total) ==
            Approx(cosine[step].item<double>()).margin(1e-12));
      CHECK(train::learning_rate_factor(config::Schedule::kConstant, step, warmup, total) ==
            Approx(constant[step].item<double>()).margin(1e-12));
    }
  }
}

TEST_CASE("a run has as many steps as its epochs say, rounding errors aside", "[train]") {
  CHECK(train::total_steps(1, 0, 100) == 100);
  for (const auto& [epochs, steps] : {std::pair{0.07, 7}, {0.14, 14}, {0.28, 28}, {0.55, 55}, {0.075, 8}, {1e-6, 1}}) {
    INFO(epochs);
    CHECK(train::total_steps(epochs, 0, 100) == steps);
  }
  CHECK(train::total_steps(2.5, 0, 3) == 8);
  CHECK(train::total_steps(0.1, 0, 30000000) == 3000000);
}

TEST_CASE("max_steps ends a run early, and alone decides where epochs are not given", "[train]") {
  CHECK(train::total_steps(1, 30, 100) == 30);
  CHECK(train::total_steps(1, 300, 100) == 100);
  CHECK(train::total_steps(0, 300, 100) == 300);
  CHECK(train::total_steps(0, 0, 100) == 100);
}

TEST_CASE("a run of one step learns", "[train]") {
  const int64_t warmup = train::warmup_steps(0.03, 1);
  CHECK(train::learning_rate_factor(config::Schedule::kCosine, 0, warmup, 1) == 1.0);
}
