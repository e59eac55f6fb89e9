#include "convllava/parallel/collective_order.h"

#include <algorithm>

namespace convllava::parallel {
namespace {

/// Gathers at the end of forward that backward finds in place: the last norm and the last layer.
constexpr int kKept = 2;

/// Blocks in the order of forward.
std::vector<size_t> forward_pass(const std::vector<BlockUse>& blocks, const MicroPlan& plan) {
  std::vector<size_t> pass;
  const auto add = [&](bool language) {
    for (size_t i = 0; i < blocks.size(); ++i) {
      if (blocks[i].language == language) pass.push_back(i);
    }
  };
  for (int64_t i = 0; i < plan.tower_passes; ++i) add(false);
  add(true);
  return pass;
}

/// Those that autograd records, from the last to the first: a trained block and all behind it.
std::vector<size_t> backward_pass(const std::vector<BlockUse>& blocks, const MicroPlan& plan) {
  std::vector<bool> recorded(blocks.size());
  bool recording = false;
  for (size_t i = 0; i < blocks.size(); ++i) {
    if (plan.tower_passes == 0 && !blocks[i].language) continue;
    recording = recording || blocks[i].trained;
    recorded[i] = recording;
  }
  std::vector<size_t> pass;
  for (const size_t block : forward_pass(blocks, plan)) {
    if (recorded[block]) pass.push_back(block);
  }
  std::reverse(pass.begin(), pass.end());
  return pass;
}

Collective gather_of(size_t block) { return {Collective::Kind::kGather, block, false}; }
Collective reduction_of(size_t unit) { return {Collective::Kind::kReduce, unit, false}; }

/// Lets backward use the gather of forward, where there is one.
bool keep(std::vector<Collective>& forward, size_t block) {
  for (auto& item : forward) {
    if (item.index == block) return item.keep = true;
  }
  return false;
}

/// Place of each unit's last use in backward.
std::vector<size_t> last_uses(const std::vector<BlockUse>& blocks, const std::vector<size_t>& pass, size_t units) {
  std::vector<size_t> last(units, pass.size());
  for (size_t k = 0; k < pass.size(); ++k) {
    for (const size_t unit : blocks[pass[k]].units) last[unit] = k;
  }
  return last;
}

std::vector<Collective> reductions_of_all(const std::vector<bool>& unit_trained) {
  std::vector<Collective> order;
  for (size_t unit = unit_trained.size(); unit-- > 0;) {
    if (unit_trained[unit]) order.push_back(reduction_of(unit));
  }
  return order;
}

/// Appends what backward does. `forward`: the gathers of forward, or none where weights are not gathered.
std::vector<Collective> in_backward(const std::vector<BlockUse>& blocks, const std::vector<bool>& unit_trained,
                                    const std::vector<size_t>& pass, std::vector<Collective>& forward) {
  std::vector<Collective> order;
  const auto last = last_uses(blocks, pass, unit_trained.size());
  int kept = 0;
  size_t brought = 0;
  // Weights of the first block at `k` or behind it that needs them.
  const auto bring = [&](size_t k) {
    while (k < pass.size() && !blocks[pass[k]].gathered_in_backward) ++k;
    if (forward.empty() || k >= pass.size() || k < brought) return;
    brought = k + 1;
    if (kept < kKept && blocks[pass[k]].language && keep(forward, pass[k])) {
      ++kept;
    } else {
      kept = kKept;
      order.push_back(gather_of(pass[k]));
    }
  };
  bring(0);
  for (size_t k = 0; k < pass.size(); ++k) {
    bring(k + 1);
    for (size_t unit = 0; unit < unit_trained.size(); ++unit) {
      if (unit_trained[unit] && last[unit] == k) order.push_back(reduction_of(unit));
    }
  }
  return order;
}

}  // namespace

std::vector<Collective> collective_order(const std::vector<BlockUse>& blocks, const std::vector<bool>& unit_trained,
                                         Level level, const MicroPlan& plan) {
  if (level <= Level::kOptimizer) {
    return plan.last ? reductions_of_all(unit_trained) : std::vector<Collective>();
  }
  if (!plan.computes) return {};
  std::vector<Collective> order;
  if (level == Level::kParameters) {
    for (const size_t block : forward_pass(blocks, plan)) order.push_back(gather_of(block));
  }
  if (!plan.backward) return order;
  const auto backward = in_backward(blocks, unit_trained, backward_pass(blocks, plan), order);
  order.insert(order.end(), backward.begin(), backward.end());
  return order;
}

}  // namespace convllava::parallel
