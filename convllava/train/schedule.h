#pragma once

#include <cstdint>

#include "convllava/config/train_config.h"

// Learning-rate curves, as in transformers' `get_scheduler`.

namespace convllava::train {

/// ceil(ratio * total_steps), transformers' rule.
int64_t warmup_steps(double ratio, int64_t total_steps);

/// What the peak learning rate is multiplied by in optimizer step `step` (0-based): linear from 0 during the warm-up,
/// then 1 (constant) or half a cosine down to 0.
double learning_rate_factor(config::Schedule schedule, int64_t step, int64_t warmup_steps, int64_t total_steps);

}  // namespace convllava::train
