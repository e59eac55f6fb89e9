#include "convllava/distributed/agreement.h"

#include <ATen/ops/zeros.h>
#include <fmt/format.h>

#include <algorithm>

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

std::vector<std::string> gather_texts(ProcessGroup& group, const std::string& own) {
  const auto ranks = static_cast<size_t>(group.world_size());
  std::vector<double> lengths(ranks, 0.0);
  lengths[static_cast<size_t>(group.rank())] = static_cast<double>(own.size());
  lengths = group.all_reduce(std::move(lengths));
  const auto longest = static_cast<int64_t>(*std::max_element(lengths.begin(), lengths.end()));
  const auto bytes = torch::zeros({static_cast<int64_t>(ranks) * longest}, torch::kByte);
  auto* data = bytes.mutable_data_ptr<uint8_t>();
  std::copy(own.begin(), own.end(), data + group.rank() * longest);
  group.all_gather_async(bytes).wait();
  std::vector<std::string> texts;
  for (size_t rank = 0; rank < ranks; ++rank) {
    const auto* begin = data + static_cast<int64_t>(rank) * longest;
    texts.emplace_back(begin, begin + static_cast<int64_t>(lengths[rank]));
  }
  return texts;
}

}  // namespace convllava::distributed
