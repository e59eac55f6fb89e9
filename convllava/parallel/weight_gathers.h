#pragma once

// Internal: the weights of blocks that are on this rank for a while (level parameters).

#include <deque>
#include <vector>

#include "convllava/distributed/process_group.h"
#include "convllava/parallel/flat_unit.h"

namespace convllava::parallel {

/// Gathers are numbered in the order in which all ranks issue them. Not thread-safe.
class WeightGathers {
 public:
  WeightGathers(std::deque<FlatUnit>& units, distributed::ProcessGroup group)
      : units_(units), group_(std::move(group)) {}

  /// Begins to gather the units of a block. `keep`: it is for forward and backward.
  void issue(size_t number, size_t block, const std::vector<size_t>& units, bool keep);
  /// Waits for the block's earliest gather that nobody has used, or finds one in use; frees those before it that this
  /// rank has no use for. False where there is none.
  bool use(size_t block);
  /// Frees what was gathered before gather `number` and not used.
  void drop_unused(size_t number);
  void free_after_forward(size_t block) { free_used(block, /*kept=*/false); }
  void free_after_backward(size_t block) { free_used(block, /*kept=*/true); }
  void free_all();
  size_t held() const { return gathers_.size(); }

 private:
  struct Gather {
    size_t number;
    size_t block;
    std::vector<size_t> units;
    bool keep;
    bool used = false;
    std::vector<distributed::PendingCollective> arriving = {};
  };
  void free_used(size_t block, bool kept);
  void free(std::vector<Gather>::iterator gather);

  std::deque<FlatUnit>& units_;
  distributed::ProcessGroup group_;
  std::vector<Gather> gathers_;  ///< by number
};

}  // namespace convllava::parallel
