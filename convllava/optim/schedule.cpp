#include "convllava/optim/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "convllava/core/error.h"
#include "convllava/core/suggest.h"

namespace convllava::optim {
namespace {

/// The steps after the warm-up.
struct Progress {
  double done = 0;   ///< steps before this one
  double total = 1;  ///< at least 1
  double decay = 0;  ///< the last of them: ScheduleOptions::decay_ratio of the whole run
};

double constant(const Progress&) { return 1.0; }

double cosine(const Progress& at) { return 0.5 * (1.0 + std::cos(std::numbers::pi * at.done / at.total)); }

/// Warm-up, stable, decay (Hu et al., arXiv 2404.06395); transformers' `get_wsd_schedule` with a linear decay.
double wsd(const Progress& at) { return std::min(1.0, (at.total - at.done) / std::max(1.0, at.decay)); }

struct Schedule {
  const char* name;
  double (*factor)(const Progress&);
};

constexpr Schedule kSchedules[] = {{"cosine", cosine}, {"constant", constant}, {"wsd", wsd}};

std::vector<std::string> names() {
  std::vector<std::string> list;
  for (const auto& schedule : kSchedules) list.emplace_back(schedule.name);
  return list;
}

/// A product of a decimal fraction and a count is off by a rounding error: 0.07 * 100 > 7.
int64_t round_up(double steps) {
  const double nearest = std::round(steps);
  const bool whole = std::abs(steps - nearest) <= 1e-9 * nearest;
  return static_cast<int64_t>(whole ? nearest : std::ceil(steps));
}

}  // namespace

void LengthOptions::visit_fields(config::FieldVisitor& visitor) {
  visitor.field("epochs", epochs,
                "Passes over the data; a fraction is allowed. 0: as many as `max_steps` needs; one if that is 0 too.",
                {0, 1e6});
  visitor.field("max_steps", max_steps,
                "Ends the run after this many optimizer steps; 0 leaves it to `epochs`. Where `epochs` ends it "
                "earlier, a warning says so.",
                config::kStepsOrNone);
}

void ScheduleOptions::visit_fields(config::FieldVisitor& visitor) {
  visitor.field("warmup_ratio", warmup_ratio, "Share of the steps during which the learning rate rises from 0.",
                {0, 1});
  visitor.name_of("schedule", schedule, names(),
                  "Learning rate after the warm-up: `cosine` falls to 0 along half a cosine, `constant` stays, `wsd` "
                  "stays and then falls to 0 in a straight line.");
  visitor.field("decay_ratio", decay_ratio,
                "Share of the steps, at the end of the run, in which `wsd` falls. Other schedules do not use it.",
                {0, 1});
}

int64_t total_steps(const LengthOptions& length, int64_t steps_per_epoch) {
  const auto& [epochs, max_steps] = length;
  if (epochs == 0) return max_steps > 0 ? max_steps : steps_per_epoch;
  const int64_t steps = std::max<int64_t>(1, round_up(epochs * static_cast<double>(steps_per_epoch)));
  return max_steps > 0 ? std::min(steps, max_steps) : steps;
}

int64_t warmup_steps(double ratio, int64_t total_steps) {
  if (total_steps == 1) return 0;
  return static_cast<int64_t>(std::ceil(ratio * static_cast<double>(total_steps)));
}

double learning_rate_factor(const ScheduleOptions& options, int64_t step, int64_t total_steps) {
  const int64_t warmup = warmup_steps(options.warmup_ratio, total_steps);
  if (step < warmup) return static_cast<double>(step) / static_cast<double>(warmup);
  const Progress at{static_cast<double>(step - warmup), static_cast<double>(std::max<int64_t>(1, total_steps - warmup)),
                    std::ceil(options.decay_ratio * static_cast<double>(total_steps))};
  for (const auto& schedule : kSchedules) {
    if (options.schedule == schedule.name) return std::max(0.0, schedule.factor(at));
  }
  throw ConfigError({"", "train.schedule"}, "unknown schedule", options.schedule,
                    core::one_of(names(), options.schedule));
}

Rates RateSchedule::rates(const std::string& module, int64_t step, int64_t total_steps) const {
  auto rates = groups.peak(module);
  rates.lr *= learning_rate_factor(schedule, step, total_steps);
  return rates;
}

}  // namespace convllava::optim
