#include "convllava/parallel/weight_gathers.h"

#include <algorithm>

#include "convllava/nn/libtorch.h"

namespace convllava::parallel {

void WeightGathers::issue(size_t number, size_t block, const std::vector<size_t>& units, bool keep) {
  Gather gather{.number = number, .block = block, .units = units, .keep = keep};
  for (const size_t i : units) {
    auto& unit = units_[i];
    unit.weights().allocate();
    const auto& whole = unit.weights().tensor();
    unit.own_part(whole).copy_(unit.own_weights());
    gather.arriving.push_back(group_.all_gather_async(whole));
  }
  gathers_.push_back(std::move(gather));
}

bool WeightGathers::use(size_t block) {
  const auto find = [&](bool used) {
    return std::find_if(gathers_.begin(), gathers_.end(),
                        [&](const Gather& gather) { return gather.block == block && gather.used == used; });
  };
  const auto unused = find(false);
  if (unused == gathers_.end()) return find(true) != gathers_.end();
  for (auto& collective : unused->arriving) collective.wait();
  unused->used = true;
  drop_unused(unused->number);
  return true;
}

void WeightGathers::drop_unused(size_t number) {
  for (size_t i = gathers_.size(); i-- > 0;) {
    const auto gather = gathers_.begin() + static_cast<std::ptrdiff_t>(i);
    if (gather->number < number && !gather->used) free(gather);
  }
}

void WeightGathers::free_used(size_t block, bool kept) {
  for (size_t i = gathers_.size(); i-- > 0;) {
    const auto gather = gathers_.begin() + static_cast<std::ptrdiff_t>(i);
    if (gather->block == block && gather->used && (kept || !gather->keep)) free(gather);
  }
}

void WeightGathers::free_all() {
  while (!gathers_.empty()) free(std::prev(gathers_.end()));
}

void WeightGathers::free(std::vector<Gather>::iterator gather) {
  for (auto& collective : gather->arriving) collective.wait();
  const auto units = std::move(gather->units);
  gathers_.erase(gather);
  for (const size_t unit : units) {
    // A tower that runs twice has its next gather under way, and tied weights belong to two blocks.
    const bool elsewhere = std::any_of(gathers_.begin(), gathers_.end(), [&](const Gather& other) {
      return std::find(other.units.begin(), other.units.end(), unit) != other.units.end();
    });
    if (!elsewhere) units_[unit].weights().free();
  }
}

}  // namespace convllava::parallel
