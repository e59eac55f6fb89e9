#pragma once

// Internal: how the ranks of a run find each other.

#include <exception>
#include <string>

#include "convllava/distributed/backends.h"

namespace convllava::distributed {

/// The run's key-value store: torchrun's, or one that rank 0 serves at the master address. Returns when every rank has
/// come; throws DistributedError naming those that have not within `join_timeout`. Keys of other runs and restarts are
/// out of sight.
StorePtr join(const LaunchEnvironment& environment);

/// The first line of a c10d or Gloo exception, without its backtrace.
std::string brief(const std::exception& error);

}  // namespace convllava::distributed
