#include "convllava/data/sampler.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "convllava/core/random.h"

namespace convllava::data {
namespace {

using Order = std::vector<int64_t>;  ///< positions in the items

void append(Order& order, const Order& more) { order.insert(order.end(), more.begin(), more.end()); }

Order shuffled(const Order& order, core::Random& random) {
  Order result;
  result.reserve(order.size());
  for (const int64_t i : core::random_permutation(static_cast<int64_t>(order.size()), random)) {
    result.push_back(order[i]);
  }
  return result;
}

/// The number of items, of `count` with one weight, that are drawn floor(weight) + 1 times.
int64_t drawn_once_more(double weight, size_t count) {
  return std::llround((weight - std::floor(weight)) * static_cast<double>(count));
}

/// The number of draws per epoch of each weight.
std::map<double, int64_t> drawn_by_weight(const std::vector<SamplerItem>& items) {
  std::map<double, size_t> counts;
  for (const SamplerItem& item : items) ++counts[item.weight];
  std::map<double, int64_t> drawn;
  for (const auto& [weight, count] : counts) {
    drawn[weight] = static_cast<int64_t>(weight) * static_cast<int64_t>(count) + drawn_once_more(weight, count);
  }
  return drawn;
}

/// Each item floor(weight) times, and a share `weight - floor(weight)` of the items of each weight once more. The
/// number of draws does not depend on the epoch, so that all epochs have the same number of steps.
Order draw(const std::vector<SamplerItem>& items, core::Random& random) {
  std::map<double, Order> by_weight;
  for (size_t i = 0; i < items.size(); ++i) by_weight[items[i].weight].push_back(static_cast<int64_t>(i));
  Order drawn;
  drawn.reserve(items.size());
  for (const auto& [weight, members] : by_weight) {
    const double whole = std::floor(weight);
    for (double copy = 0; copy < whole; ++copy) append(drawn, members);
    const int64_t more = drawn_once_more(weight, members.size());
    if (more == 0) continue;
    const Order order = shuffled(members, random);
    drawn.insert(drawn.end(), order.begin(), order.begin() + more);
  }
  return drawn;
}

/// Shuffles, splits into megabatches and sorts each by length, longest first.
std::vector<Order> megabatches(const std::vector<SamplerItem>& items, const SamplerOptions& options,
                               const Order& members, core::Random& random) {
  const Order order = shuffled(members, random);
  std::vector<Order> result;
  for (size_t begin = 0; begin < order.size(); begin += options.global_batch_size) {
    const size_t end = std::min<size_t>(begin + options.global_batch_size, order.size());
    Order& batch = result.emplace_back(order.begin() + begin, order.begin() + end);
    if (options.grouping == Grouping::kModalityLength) {
      std::stable_sort(batch.begin(), batch.end(),
                       [&](int64_t a, int64_t b) { return items[a].length > items[b].length; });
    }
  }
  return result;
}

/// LLaVA's order: the full megabatches of both modalities, shuffled; then the last one of each modality, mixed.
Order group_by_modality(const std::vector<SamplerItem>& items, const SamplerOptions& options, const Order& drawn,
                        core::Random& random) {
  Order with_image;
  Order text_only;
  for (const int64_t i : drawn) (items[i].has_image ? with_image : text_only).push_back(i);
  Order order;
  if (with_image.empty() || text_only.empty()) {
    for (const Order& batch : megabatches(items, options, drawn, random)) append(order, batch);
    return order;
  }
  std::vector<Order> batches = megabatches(items, options, with_image, random);
  Order mixed = std::move(batches.back());
  batches.pop_back();
  for (const Order& batch : megabatches(items, options, text_only, random)) batches.push_back(batch);
  append(mixed, batches.back());
  batches.pop_back();
  for (const int64_t i : core::random_permutation(static_cast<int64_t>(batches.size()), random)) {
    append(order, batches[i]);
  }
  std::sort(mixed.begin(), mixed.end());
  append(order, mixed);
  return order;
}

}  // namespace

std::vector<int64_t> epoch_order(const std::vector<SamplerItem>& items, const SamplerOptions& options, int64_t epoch) {
  core::Random random(options.seed, static_cast<uint64_t>(epoch));
  const Order drawn = draw(items, random);
  Order order =
      options.grouping == Grouping::kNone ? shuffled(drawn, random) : group_by_modality(items, options, drawn, random);
  for (int64_t& i : order) i = items[i].index;
  return order;
}

std::optional<double> weight_without_effect(const std::vector<SamplerItem>& items) {
  for (const auto& [weight, drawn] : drawn_by_weight(items)) {
    if (drawn == 0) return weight;
  }
  return std::nullopt;
}

int64_t epoch_size(const std::vector<SamplerItem>& items) {
  int64_t size = 0;
  for (const auto& [weight, drawn] : drawn_by_weight(items)) size += drawn;
  return size;
}

std::vector<int64_t> micro_batch_members(int64_t batch_size, int64_t micro_batch_size, int rank, int world_size,
                                         int64_t micro) {
  const int64_t block = micro_batch_size * world_size;
  const int64_t end = std::min(batch_size, (micro + 1) * block);
  std::vector<int64_t> members;
  for (int64_t position = micro * block + rank; position < end; position += world_size) members.push_back(position);
  return members;
}

int64_t micro_batches(int64_t batch_size, int64_t micro_batch_size, int world_size) {
  const int64_t block = micro_batch_size * world_size;
  return (batch_size + block - 1) / block;
}

}  // namespace convllava::data
