#pragma once

#include <cstdint>

#include "convllava/stage/run_config.h"

namespace convllava::apps {

/// Prints sample `index` of the training sets token by token: supervised tokens in green, the image in blue, the rest
/// grey; where there are no colours (not in a terminal, TERM=dumb, NO_COLOR is set), supervised tokens in [[ ]]. Then
/// how many tokens it has, how many are supervised, and how many `data.max_length` cuts off. Throws DataError for a
/// sample that training would skip.
void print_labels(const stage::RunConfig& config, int64_t index);

}  // namespace convllava::apps
