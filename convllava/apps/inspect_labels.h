#pragma once

#include <cstdint>

#include "convllava/config/train_config.h"

namespace convllava::apps {

/// Prints how many samples of the training sets have nothing to learn from, because they are broken or `max_length`
/// cuts all of their answers off; then sample `index` token by token: what is learnt in green, the picture in blue, the
/// rest grey; where there are no colours (not in a terminal, TERM=dumb, NO_COLOR is set), what is learnt in [[ ]].
/// Throws DataError when that sample is one of the former.
void print_labels(const config::TrainConfig& config, int64_t index);

}  // namespace convllava::apps
