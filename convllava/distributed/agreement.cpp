#include "convllava/distributed/agreement.h"

#include <fmt/format.h>

#include "convllava/core/error.h"

namespace convllava::distributed {

void require_agreement(ProcessGroup& group, const std::vector<std::pair<std::string, double>>& values,
                       const std::string& expected) {
  const size_t count = values.size();
  const auto own = static_cast<size_t>(group.rank());
  // Each rank fills its place; the sum gives every rank the values of all.
  std::vector<double> table(count * static_cast<size_t>(group.world_size()), 0.0);
  for (size_t i = 0; i < count; ++i) table[own * count + i] = values[i].second;
  table = group.all_reduce(std::move(table));
  for (size_t at = count; at < table.size(); ++at) {
    const size_t i = at % count;
    if (table[at] == table[i]) continue;
    throw DistributedError(fmt::format("rank {} of {}", group.rank(), group.world_size()),
                           "the ranks disagree on " + values[i].first,
                           fmt::format("{} on rank 0 and {} on rank {}", table[i], table[at], at / count), expected);
  }
}

}  // namespace convllava::distributed
