#include "convllava/optim/schedule.h"

#include "convllava/core/error.h"
#include "tests/support/errors.h"
#include "tests/support/files.h"
#include "tests/support/golden.h"

using namespace convllava;

TEST_CASE("learning-rate curves equal transformers' schedules", "[optim]") {
  const auto file = testing::golden("optim/schedules.safetensors");
  for (const int64_t total : {200, 37, 10}) {
    const auto suffix = "." + std::to_string(total);
    const double ratio = file.tensor("ratio" + suffix).item<double>();
    CHECK(optim::warmup_steps(ratio, total) == file.tensor("warmup" + suffix).item<int64_t>());
    for (const std::string name : {"cosine", "constant", "wsd"}) {
      const auto curve = file.tensor(name + suffix);
      const optim::ScheduleOptions options{.warmup_ratio = ratio, .schedule = name, .decay_ratio = 0.2};
      for (int64_t step = 0; step < total; ++step) {
        INFO(name << " of " << total << " steps, step " << step);
        CHECK(optim::learning_rate_factor(options, step, total) == Approx(curve[step].item<double>()).margin(1e-12));
      }
    }
  }
}

TEST_CASE("a run has as many steps as its epochs say, rounding errors aside", "[optim]") {
  CHECK(optim::total_steps({1, 0}, 100) == 100);
  for (const auto& [epochs, steps] : {std::pair{0.07, 7}, {0.14, 14}, {0.28, 28}, {0.55, 55}, {0.075, 8}, {1e-6, 1}}) {
    INFO(epochs);
    CHECK(optim::total_steps({epochs, 0}, 100) == steps);
  }
  CHECK(optim::total_steps({2.5, 0}, 3) == 8);
  CHECK(optim::total_steps({0.1, 0}, 30000000) == 3000000);
}

TEST_CASE("max_steps ends a run early, and alone decides where epochs are not given", "[optim]") {
  CHECK(optim::total_steps({1, 30}, 100) == 30);
  CHECK(optim::total_steps({1, 300}, 100) == 100);
  CHECK(optim::total_steps({0, 300}, 100) == 300);
  CHECK(optim::total_steps({0, 0}, 100) == 100);
}

TEST_CASE("a run of one step learns", "[optim]") { CHECK(optim::learning_rate_factor({}, 0, 1) == 1.0); }

TEST_CASE("an unknown schedule is refused with the names of the known ones", "[optim]") {
  CHECK(testing::thrown<ConfigError>([] { optim::learning_rate_factor({.schedule = "cosin"}, 5, 10); }) ==
        testing::Parts{.field = "train.schedule",
                       .kind = "unknown schedule",
                       .got = "cosin",
                       .expected = "one of cosine, constant, wsd (did you mean cosine?)"});
}
