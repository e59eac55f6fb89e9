#pragma once

#include <string>
#include <utility>
#include <vector>

#include "convllava/distributed/process_group.h"

namespace convllava::distributed {

/// Makes sure that all ranks are about to do the same: throws DistributedError on every rank when one of the named
/// values differs between them, with the first two ranks that differ. `expected` says what would make them equal.
/// Collective.
void require_agreement(ProcessGroup& group, const std::vector<std::pair<std::string, double>>& values,
                       const std::string& expected);

/// The text of each rank, on every rank. Collective.
std::vector<std::string> gather_texts(ProcessGroup& group, const std::string& own);

}  // namespace convllava::distributed
