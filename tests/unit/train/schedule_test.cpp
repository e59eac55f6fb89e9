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
