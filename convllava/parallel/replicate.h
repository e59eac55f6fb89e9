#pragma once

#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "convllava/distributed/process_group.h"
#include "convllava/nn/block.h"
#include "convllava/parallel/flat_unit.h"

// Data parallelism with a full copy of the model on each rank (level 0 of the plan in docs/architecture.md).

namespace convllava::parallel {

/// All units of a model and the reduction of their gradients.
///
///     Replicate units(model->blocks(), group);
///     units.zero_gradients();
///     for (micro-batch) {
///       if (last) units.begin_reduction();  // from here each unit is reduced as soon as backward has filled it
///       loss.backward();
///     }
///     units.finish_reduction();  // gradients are now the sum over ranks
///
/// Gradients live in the units: clear them with `zero_gradients`, never with the module's `zero_grad`. A collective
/// that fails inside backward comes out of `backward` as DistributedError.
class Replicate {
 public:
  /// Units for the parameters that require a gradient, given in the order in which forward uses them; rank 0's values
  /// of these and of the frozen ones go to all ranks. Throws DistributedError when the ranks do not train the same
  /// parameters.
  Replicate(const std::vector<nn::Block>& blocks, distributed::ProcessGroup group);
  ~Replicate();
  Replicate(const Replicate&) = delete;
  Replicate& operator=(const Replicate&) = delete;

  const std::vector<FlatUnit>& units() const;
  void zero_gradients();
  /// The next backward is the last before `finish_reduction`: each parameter gets its gradient at most once.
  void begin_reduction();
  /// Units whose reduction has been started since `begin_reduction`.
  int64_t reductions_started() const;
  /// Also correct when no backward ran since `begin_reduction` (a rank without samples) or when it did not reach some
  /// units (no image): every rank reduces every unit in the same fixed order.
  void finish_reduction();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace convllava::parallel
