#pragma once

// Internal: gradients from backward to the sums that the optimizer sees.

#include <deque>
#include <vector>

#include "convllava/distributed/process_group.h"
#include "convllava/parallel/flat_unit.h"
#include "convllava/parallel/micro_plan.h"
#include "convllava/parallel/shard_options.h"

namespace convllava::parallel {

/// Not thread-safe.
class GradientReductions {
 public:
  GradientReductions(std::deque<FlatUnit>& units, distributed::ProcessGroup group, const ShardOptions& options)
      : units_(units), group_(std::move(group)), options_(options) {}

  /// Of a step.
  void clear_gradients();
  /// Of a micro-batch.
  void begin(const MicroPlan& plan);
  /// Backward is about to add to the gradients of this unit.
  void expect(size_t unit);
  /// One of the unit's parameters has its gradient.
  void ready(size_t unit);
  bool complete(size_t unit) const { return missing_[unit] == 0; }
  /// Begins the reduction of what is there; of zeros where this rank computed nothing.
  void issue(size_t unit);
  /// All that were begun are done.
  void finish();
  int64_t issued() const { return issued_; }

 private:
  struct Reduction {
    size_t unit;
    torch::Tensor narrow;  ///< the gradient in reduce_dtype, where that is not fp32
    distributed::PendingCollective pending;
  };
  bool transient() const { return options_.shard >= Level::kGradients; }
  void settle_oldest();

  std::deque<FlatUnit>& units_;
  distributed::ProcessGroup group_;
  ShardOptions options_;
  std::vector<size_t> missing_;  ///< per unit, parameters whose gradient backward has not delivered
  std::vector<bool> reduced_;    ///< per unit, in this micro-batch
  bool reducing_ = false;        ///< in this micro-batch
  int64_t issued_ = 0;
  std::deque<Reduction> under_way_;
};

}  // namespace convllava::parallel
