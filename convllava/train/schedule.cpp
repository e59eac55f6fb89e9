#include "convllava/train/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace convllava::train {

namespace {

/// A product of a decimal fraction and a count is off by a rounding error: 0.07 * 100 > 7.
int64_t round_up(double steps) {
  const double nearest = std::round(steps);
  const bool whole = std::abs(steps - nearest) <= 1e-9 * nearest;
  return static_cast<int64_t>(whole ? nearest : std::ceil(steps));
}

}  // namespace

int64_t total_steps(double epochs, int64_t max_steps, int64_t steps_per_epoch) {
  if (epochs == 0) return max_steps > 0 ? max_steps : steps_per_epoch;
  const int64_t steps = std::max<int64_t>(1, round_up(epochs * static_cast<double>(steps_per_epoch)));
  return max_steps > 0 ? std::min(steps, max_steps) : steps;
}

int64_t warmup_steps(double ratio, int64_t total_steps) {
  if (total_steps == 1) return 0;
  return static_cast<int64_t>(std::ceil(ratio * static_cast<double>(total_steps)));
}

double learning_rate_factor(config::Schedule schedule, int64_t step, int64_t warmup_steps, int64_t total_steps) {
  if (step < warmup_steps) return static_cast<double>(step) / static_cast<double>(warmup_steps);
  if (schedule == config::Schedule::kConstant) return 1.0;
  const auto span = static_cast<double>(std::max<int64_t>(1, total_steps - warmup_steps));
  const double progress = static_cast<double>(step - warmup_steps) / span;
  return std::max(0.0, 0.5 * (1.0 + std::cos(std::numbers::pi * progress)));
}

}  // namespace convllava::train
