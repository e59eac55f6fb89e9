#include "convllava/train/step_meter.h"

#include <chrono>
#include <optional>
#include <thread>

#include "tests/catch.h"

using namespace convllava;

TEST_CASE("a split meter keeps the time of its steps, and the next one starts without it", "[train]") {
  train::StepMeter meter;
  meter.add({.tokens = 10, .samples = 2}, 5e12);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  const auto first = meter.split();
  const double seconds = first.speed(first.flops(), std::nullopt).seconds;
  CHECK(seconds >= 0.02);
  CHECK(meter.flops() == 0);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  const auto later = first.speed(first.flops(), std::nullopt);  // the entry is written one step later
  CHECK(later.seconds == seconds);
  CHECK(later.tokens_per_second == Approx(10 / seconds));
  CHECK(later.tflops == Approx(5 / seconds));
}
