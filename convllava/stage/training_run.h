#pragma once

#include <torch/types.h>

#include <memory>

#include "convllava/distributed/process_group.h"
#include "convllava/stage/run_config.h"
#include "convllava/train/training.h"

// A training stage from its configuration to its last checkpoint.

namespace convllava::stage {

/// Runs stages as `train` does:
///
///     const auto config = stage::load_run_config("stage2.yaml");
///     stage::TrainingRun stage(config, distributed::ProcessGroup(), torch::kCPU);
///     stage.run();
///
/// The run folder gets config.yaml, metrics.jsonl, report.html, quarantine.jsonl, TensorBoard events and
/// checkpoint-<step>/. A run whose folder holds checkpoints is resumed; a complete one is not changed. With several
/// ranks the folder and the data must be on disks that all ranks can read.
class TrainingRun {
 public:
  /// Checks paths, opens the data, builds and loads the model, prints what is trained. Throws ConfigError before
  /// anything is allocated, DataError, CheckpointError; DistributedError when the ranks disagree.
  TrainingRun(RunConfig config, distributed::ProcessGroup group, torch::Device device);
  ~TrainingRun();
  TrainingRun(const TrainingRun&) = delete;
  TrainingRun& operator=(const TrainingRun&) = delete;

  /// Trains until the last step or until a stop signal (core/process.h), after which a checkpoint is written.
  train::TrainSummary run();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace convllava::stage
