#pragma once

#include <torch/types.h>

#include <memory>
#include <optional>

#include "convllava/distributed/process_group.h"
#include "convllava/train/run_config.h"

// A training stage from its configuration to its last checkpoint.

namespace convllava::train {

struct TrainSummary {
  int64_t steps = 0;  ///< done in all, runs before a restart included
  int64_t total_steps = 0;
  std::optional<double> validation_before;  ///< loss before the first step of the run
  std::optional<double> validation_after;   ///< loss after the last step
  bool stopped = false;                     ///< ended early by a signal; there is a checkpoint to go on from
};

/// Runs stages as `train` does:
///
///     const auto config = train::load_run_config("stage2.yaml");
///     train::Trainer trainer(config, distributed::ProcessGroup(), torch::kCPU);
///     trainer.run();
///
/// The run folder gets config.yaml, metrics.jsonl, report.html, quarantine.jsonl, TensorBoard events and
/// checkpoint-<step>/. A folder that holds checkpoints of the same run is continued; one that is complete is left as it
/// is. With several ranks the folder and the data must be on disks that all of them see.
class Trainer {
 public:
  /// Checks paths, opens the data, builds and loads the model, prints what will be trained. Throws ConfigError before
  /// anything is allocated, DataError, CheckpointError; DistributedError when the ranks disagree.
  Trainer(RunConfig config, distributed::ProcessGroup group, torch::Device device);
  ~Trainer();
  Trainer(const Trainer&) = delete;
  Trainer& operator=(const Trainer&) = delete;

  /// Trains until the last step or until a stop signal (core/process.h), after which a checkpoint is written.
  TrainSummary run();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace convllava::train
