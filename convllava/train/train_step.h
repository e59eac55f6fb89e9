#pragma once

#include <torch/types.h>

#include <functional>
#include <map>
#include <string>

#include "convllava/data/loader.h"
#include "convllava/distributed/process_group.h"
#include "convllava/model/convllava.h"
#include "convllava/parallel/replicated_units.h"
#include "convllava/train/adamw.h"

// One optimizer step over a global batch.

namespace convllava::train {

/// What all ranks know of a step before it runs: sums over ranks.
struct GlobalCounts {
  double supervised_tokens = 0;
  double tokens = 0;
  double samples = 0;
  double cut_samples = 0;
  double bad_samples = 0;
  double stop_requests = 0;  ///< ranks that were asked to stop
  double save_requests = 0;  ///< ranks that want a checkpoint after this step
};

/// `stop` and `save` are this rank's requests. Collective.
GlobalCounts global_counts(const data::StepBatch& batch, distributed::ProcessGroup& group, bool stop = false,
                           bool save = false);

/// Numbers on the device: the host waits for them only where it reads them, which the trainer does when it logs.
struct StepOutcome {
  torch::Tensor loss;                                 ///< [] fp32, this rank's part of the global mean
  torch::Tensor gradient_norm;                        ///< [] fp32, before clipping
  std::map<std::string, torch::Tensor> module_norms;  ///< vision, projector, llm
  torch::Tensor skipped;                              ///< [] fp32, 1 where the step was left out because of NaN or Inf
};

/// Gradients of the mean cross-entropy over the global batch's supervised tokens, however the batch is split into ranks
/// and micro-batches: for each micro-batch forward and backward; reduce; clip by the global norm; step.
StepOutcome train_step(model::ConvLlavaImpl& model, const data::StepBatch& batch, const GlobalCounts& counts,
                       parallel::ReplicatedUnits& units, AdamW& optimizer, double max_grad_norm,
                       const std::function<Rates(const parallel::FlatRange&)>& rates);

/// The gradient part of `train_step` alone; returns the loss. For tests and for other optimizers.
torch::Tensor accumulate_gradients(model::ConvLlavaImpl& model, const data::StepBatch& batch,
                                   const GlobalCounts& counts, parallel::ReplicatedUnits& units);

}  // namespace convllava::train
