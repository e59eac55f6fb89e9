#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "convllava/config/fields.h"
#include "convllava/optim/groups.h"

// How many steps a run has, and its learning-rate curves, as in transformers' `get_scheduler`. A new curve is a row of
// the table in schedule.cpp.

namespace convllava::optim {

/// How long a run is (section `train`).
struct LengthOptions {
  double epochs = 0;      ///< 0: as many as `max_steps` takes, or one
  int64_t max_steps = 0;  ///< ends the run early; 0: as many as the epochs take
  void visit_fields(config::FieldVisitor& visitor);
};

/// The learning rate over the steps of a run (section `train`).
struct ScheduleOptions {
  double warmup_ratio = 0.03;
  std::string schedule = "cosine";  ///< a name of the table
  double decay_ratio = 0.1;         ///< of `wsd`: share of the steps, at the end, in which the rate falls
  void visit_fields(config::FieldVisitor& visitor);
};

/// Optimizer steps of a run whose epochs have `steps_per_epoch` steps: `epochs` of them, the last one begun counting as
/// a whole one, and at most `max_steps`. Without `epochs` (0) as many as `max_steps` says, as in transformers, or one
/// epoch where that is 0 too.
int64_t total_steps(const LengthOptions& length, int64_t steps_per_epoch);

/// ceil(ratio * total_steps), transformers' rule. A run of a single step has no warm-up: its learning rate would be 0.
int64_t warmup_steps(double ratio, int64_t total_steps);

/// What the peak learning rate is multiplied by in optimizer step `step` (0-based) of `total_steps`: linear from 0
/// during the warm-up, then the curve of the schedule.
double learning_rate_factor(const ScheduleOptions& options, int64_t step, int64_t total_steps);

/// Learning rate and weight decay of each step of a run.
struct RateSchedule {
  const GroupOptions& groups;
  const ScheduleOptions& schedule;

  /// Of the decaying parameters of a module, in step `step` (0-based) of `total_steps`.
  Rates rates(const std::string& module, int64_t step, int64_t total_steps) const;
};

}  // namespace convllava::optim
