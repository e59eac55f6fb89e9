#pragma once

#include <cstdint>

#include "convllava/config/train_config.h"

namespace convllava::apps {

/// Prints sample `index` of the training sets token by token: what is learnt in green, the picture in blue, the rest
/// grey; then how many samples of the sets have nothing to learn from.
void print_labels(const config::TrainConfig& config, int64_t index);

}  // namespace convllava::apps
