#pragma once

#include <torch/types.h>

#include <memory>

#include "convllava/config/train_config.h"
#include "convllava/distributed/process_group.h"

// A training stage from its configuration to its last checkpoint.

namespace convllava::train {

struct TrainSummary {
  int64_t steps = 0;  ///< done in all, earlier sessions included
  int64_t total_steps = 0;
  double validation_before = 0;  ///< loss before the first step; NaN without validation data
  double validation_after = 0;
  bool stopped = false;  ///< ended early by a signal
};

/// Runs stages as `train` does:
///
///     const auto config = config::load_train_config("stage2.yaml");
///     train::Trainer trainer(config, distributed::ProcessGroup(), torch::kCPU);
///     trainer.run();
///
/// The run folder gets config.yaml, metrics.jsonl, report.html, quarantine.jsonl, TensorBoard events and
/// checkpoint-<step>/. A folder that holds checkpoints of the same run is continued; one that is complete is left as it
/// is.
class Trainer {
 public:
  /// Checks paths, opens the data, builds and loads the model, prints what will be trained. Throws ConfigError before
  /// anything is allocated, DataError, CheckpointError.
  Trainer(config::TrainConfig config, distributed::ProcessGroup group, torch::Device device);
  ~Trainer();
  Trainer(const Trainer&) = delete;
  Trainer& operator=(const Trainer&) = delete;

  /// Trains until the last step or until a stop signal (core/process.h), after which a checkpoint is written.
  TrainSummary run();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// The device that a configuration asks for; kAuto takes CUDA where the build and the machine have it. Throws
/// ConfigError for CUDA where there is none.
torch::Device pick_device(config::Device device, int local_rank);

}  // namespace convllava::train
