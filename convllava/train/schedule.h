#pragma once

#include <cstdint>

#include "convllava/config/train_config.h"

// Learning-rate curves, as in transformers' `get_scheduler`.

namespace convllava::train {

/// Optimizer steps of a run whose epochs have `steps_per_epoch` steps: `epochs` of them, the last one begun counting as
/// a whole one, and at most `max_steps`. Without `epochs` (0) as many as `max_steps` says, as in transformers, or one
/// epoch where that is 0 too.
int64_t total_steps(double epochs, int64_t max_steps, int64_t steps_per_epoch);

/// ceil(ratio * total_steps), transformers' rule. A run of a single step has no warm-up: its learning rate would be 0.
int64_t warmup_steps(double ratio, int64_t total_steps);

/// What the peak learning rate is multiplied by in optimizer step `step` (0-based): linear from 0 during the warm-up,
/// then 1 (constant) or half a cosine down to 0.
double learning_rate_factor(config::Schedule schedule, int64_t step, int64_t warmup_steps, int64_t total_steps);

}  // namespace convllava::train
