#pragma once

#include "convllava/stage/run_config.h"

namespace convllava::apps {

/// The data check: reads every record of the training and validation sets as training would, checks that each image
/// exists, decodes up to 1000 of them (all with native aspect, whose shape decides the number of tokens), and prints
/// what it counted (data/summary.h). Throws DataError when more than `data.max_bad_share` cannot be used.
void check_data(const stage::RunConfig& config);

}  // namespace convllava::apps
