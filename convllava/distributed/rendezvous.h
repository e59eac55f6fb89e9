#pragma once

// Internal: how the ranks of a run find each other.

#include <exception>
#include <string>
#include <vector>

#include "convllava/distributed/backends.h"

namespace convllava::distributed {

/// The run's key-value store: torchrun's, or one that rank 0 serves at the master address. Returns when every rank has
/// come; says every `join_note` who has not, and throws DistributedError naming those after `join_timeout`. Keys of
/// other runs, and of earlier processes of this one, are out of sight (generation.h).
StorePtr join(const LaunchEnvironment& environment);

/// Who serves the store, as the subject of a sentence.
std::string store_host(const LaunchEnvironment& environment);

/// "rank 3", "ranks 3, 5", "ranks 1-15".
std::string list_of(const std::vector<int>& ranks);

/// One rank is to speak for those that wait: the lowest that is there.
bool speaks(int rank, const std::vector<int>& missing);

/// The first line of a c10d or Gloo exception, without its backtrace.
std::string brief(const std::exception& error);

}  // namespace convllava::distributed
