#pragma once

#include <torch/types.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "convllava/distributed/process_group.h"
#include "convllava/nn/block.h"
#include "convllava/nn/block_runner.h"
#include "convllava/parallel/flat_unit.h"
#include "convllava/parallel/micro_plan.h"
#include "convllava/parallel/shard.h"
#include "convllava/parallel/shard_options.h"

// Data parallelism over sharded states (docs/design/sharding.md).

namespace convllava::parallel {

/// The parameters of a model and their gradients, divided among the ranks as the level says.
///
///     Engine engine(model->blocks(), group, options);
///     model->set_observer(engine.observer());
///     optim::Optimizer optimizer(rule, engine.shards());
///     engine.begin_step();
///     for (each micro-batch) {
///       engine.begin_micro_batch(plan);  // the same plan on every rank
///       if (this rank has samples) model->loss(...).backward();
///       engine.finish_micro_batch();
///     }                                  // the shards' gradients are now sums over ranks
///     optimizer.step(...);
///     engine.publish();                  // the new weights go to the ranks that need them
///
/// Clear gradients with `begin_step`, never with the module's `zero_grad`. A collective that fails inside backward
/// comes out of `backward` as DistributedError.
class Engine {
 public:
  /// `blocks` are in the order in which forward uses them. Parameters of the meta device move to `device`; `fill` gives
  /// them their values. Values of the others must be equal on all ranks. Throws DistributedError when the ranks
  /// do not train the same parameters.
  Engine(const std::vector<nn::Block>& blocks, distributed::ProcessGroup group, const ShardOptions& options = {},
         const torch::Device& device = torch::kCPU);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  /// For each block in the given order, which may be any: `write` sets the values of all of its parameters, on every
  /// rank alike. Only one block at a time needs memory beyond what the level allows.
  void fill(const std::vector<nn::Block>& blocks, const std::function<void(const nn::Block&)>& write);
  /// Throws DistributedError naming the first unit whose weights are not the same on all ranks: now, or at level
  /// `parameters` when they were filled. Collective.
  void require_equal_weights();

  Level level() const;
  /// What the model must call around its blocks; null where the level needs nothing.
  nn::BlockObserver* observer();

  void begin_step();
  void begin_micro_batch(const MicroPlan& plan);
  /// Also correct where this rank ran nothing since `begin_micro_batch`, or only a part of what the plan says.
  void finish_micro_batch();
  /// Reductions that have begun in this micro-batch.
  int64_t reductions_started() const;
  /// After the optimizer has changed the shards' weights. Returns at once; whoever uses a block waits for it.
  void publish();

  /// Calls `look` with each unit while all of its weights are here, one unit after the other. Collective.
  void visit_weights(const std::function<void(const FlatUnit&)>& look);

  /// All that the optimizer sees: this rank's parts of the trainable units.
  const std::vector<Shard>& shards() const;
  const std::deque<FlatUnit>& units() const;
  /// L2 norm of each module's gradients ([] fp32): vision, projector, llm. Collective where gradients are divided.
  std::map<std::string, torch::Tensor> gradient_norms();

 private:
  friend class WholeWeights;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// While it lives, all weights are on every rank, as after `none`: for what does not run in micro-batches (answers,
/// tests). All ranks make and end it together.
class WholeWeights {
 public:
  explicit WholeWeights(Engine& engine);
  ~WholeWeights();
  WholeWeights(const WholeWeights&) = delete;
  WholeWeights& operator=(const WholeWeights&) = delete;

 private:
  Engine& engine_;
};

}  // namespace convllava::parallel
