#pragma once

#include "convllava/data/data_identity.h"
#include "convllava/distributed/process_group.h"
#include "convllava/stage/run_config.h"

// Ranks that read different files would wait for each other in different collectives, or train apart in silence.

namespace convllava::stage {

/// Throws DistributedError on every rank when one of them runs another program file, or has another configuration:
/// with the first field that differs, its values, and the ranks. Collective.
void require_one_config(distributed::ProcessGroup& group, const RunConfig& config);

/// The same for the data, by their contents. Collective.
void require_one_data(distributed::ProcessGroup& group, const data::DataIdentity& data);

}  // namespace convllava::stage
