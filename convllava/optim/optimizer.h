#pragma once

#include <torch/types.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "convllava/checkpoint/state_source.h"
#include "convllava/optim/groups.h"
#include "convllava/parallel/shard.h"

// Optimizers on shards: they see no unit as a whole. A new one is a source file like lion.cpp and a row of the table in
// optimizer.cpp.

namespace convllava::optim {

/// Which optimizer (section `train`).
struct OptimizerOptions {
  std::string optimizer = "adamw";  ///< a name of the table
  std::vector<double> betas = {};   ///< two, or none: the optimizer's own
  double eps = 1e-8;
  void visit_fields(config::FieldVisitor& visitor);
};

/// A stretch of a shard whose parameters share their rates. All [n]; everything but `gradient` is updated in place.
struct Stretch {
  torch::Tensor weights;               ///< fp32
  torch::Tensor gradient;              ///< fp32
  std::vector<torch::Tensor> moments;  ///< fp32, in the order of Rule::moments
};

/// What one optimizer does to a stretch, and what it remembers.
class Rule {
 public:
  virtual ~Rule() = default;
  /// Names of its states, one number each for a parameter's number: "exp_avg".
  virtual std::vector<std::string> moments() const = 0;
  /// `steps`: [] fp32, with this one. The gradient is divided by `divisor` ([] fp32) first, where there is one. Nothing
  /// changes where `skip` ([] fp32) is 1. No number is read by the host.
  virtual void update(const Stretch& stretch, const Rates& rates, const torch::Tensor& steps,
                      const std::optional<torch::Tensor>& divisor, const torch::Tensor& skip) const = 0;
};

/// Parameters in bf16 are updated through fp32 master weights; fp32 parameters are their own.
class Optimizer {
 public:
  /// Works on the shards' tensors in place.
  Optimizer(std::unique_ptr<const Rule> rule, std::vector<parallel::Shard> shards);

  /// One step with the shards' gradients. `rates` gives each stretch its numbers. The gradients are divided by
  /// `divisor`
  /// ([] fp32; gradient clipping) where there is one. Nothing at all happens where `skip` is 1 ([] fp32). Both stay on
  /// the device.
  void step(const std::function<Rates(const parallel::FlatRange&)>& rates, const std::optional<torch::Tensor>& divisor,
            const torch::Tensor& skip);

  /// False once a step has ended in its middle: the parameters are then of two steps.
  bool is_whole() const { return whole_; }

  /// For each parameter of the shards' units its moments and, in bf16, "master": this rank's elements, which may be
  /// none. Views: they change with the optimizer, and writing to them changes it.
  std::vector<checkpoint::StatePiece> state() const;
  /// Steps that were not skipped. Waits for the device.
  int64_t steps() const;
  /// Throws CheckpointError when names or shapes differ; nothing is changed then.
  void load_state(const checkpoint::StateSource& saved);

 private:
  struct ShardState {
    parallel::Shard shard;
    torch::Tensor master;  ///< fp32; the shard's weights themselves when they are fp32
    std::vector<torch::Tensor> moments;
  };
  std::unique_ptr<const Rule> rule_;
  std::vector<ShardState> states_;
  torch::Tensor steps_;  ///< [] fp32, steps taken
  bool whole_ = true;
};

/// Throws ConfigError for a name that is not in the table.
std::unique_ptr<const Rule> make_rule(const OptimizerOptions& options);

}  // namespace convllava::optim
