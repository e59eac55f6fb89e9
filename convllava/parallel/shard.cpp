#include "convllava/parallel/shard.h"

#include <algorithm>

#include "convllava/nn/libtorch.h"

namespace convllava::parallel {

Shard shard_of(const FlatUnit& unit) {
  Shard shard{unit.name(), unit.own_weights(), unit.own_gradient(), {}, {}};
  const int64_t first = unit.own_begin();
  const int64_t end = first + shard.weights.numel();
  for (auto range : unit.ranges()) {
    range.begin = std::max(range.begin, first) - first;
    range.end = std::min(range.end, end) - first;
    if (range.begin < range.end) shard.ranges.push_back(std::move(range));
  }
  for (const auto& [name, tensor, begin] : unit.parameters()) {
    const int64_t from = std::clamp(first, begin, begin + tensor.numel());
    const int64_t to = std::clamp(end, from, std::max(from, begin + tensor.numel()));
    shard.pieces.push_back(
        {name, tensor.sizes().vec(), tensor.strides().vec(), from - begin, to - begin, from < to ? from - first : 0});
  }
  return shard;
}

}  // namespace convllava::parallel
