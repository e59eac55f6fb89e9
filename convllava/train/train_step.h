#pragma once

#include <torch/types.h>

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "convllava/data/loader.h"
#include "convllava/distributed/process_group.h"
#include "convllava/model/convllava.h"
#include "convllava/optim/clip.h"
#include "convllava/optim/optimizer.h"
#include "convllava/parallel/engine.h"

// One optimizer step over a global batch.

namespace convllava::train {

/// Requests of one rank before a step.
struct StepRequests {
  bool stop = false;    ///< it was asked to stop
  bool save = false;    ///< it wants a checkpoint after this step
  bool failed = false;  ///< it has no batch
};

/// Of the n-th micro-batch of each rank, over all ranks.
struct MicroCounts {
  double supervised_tokens = 0;
  int64_t tower_passes = 0;  ///< the most of a rank (parallel::MicroPlan)
};

/// Counts of a step before it runs, summed over ranks.
struct GlobalCounts {
  std::vector<MicroCounts> micro_batches = {};  ///< without those at the end that are empty on all ranks
  double supervised_tokens = 0;
  double supervised_with_images = 0;  ///< of these, in micro-batches that hold an image
  double tokens = 0;
  double samples = 0;
  double cut_samples = 0;  ///< samples that lost a part of their answers to data.max_length
  double cut_tokens = 0;   ///< what they lost
  double bad_samples = 0;
  double stop_requests = 0;
  double save_requests = 0;
  double failures = 0;
};

/// `micro_batches`: at least those of the batch, and the same number on every rank, for ranks that may have no batch.
/// Collective.
GlobalCounts global_counts(const data::StepBatch& batch, distributed::ProcessGroup& group,
                           const StepRequests& requests = {}, size_t micro_batches = 0);

/// The plan of a step's micro-batch `i` for a model that trains its language model or not.
parallel::MicroPlan plan_of(const GlobalCounts& counts, size_t i, bool trains_language);

/// Numbers on the device: the host waits for them only where it reads them, which the trainer does when it logs.
struct StepOutcome {
  torch::Tensor loss;                                 ///< [] fp32, this rank's part of the global mean
  torch::Tensor gradient_norm;                        ///< [] fp32, before clipping
  std::map<std::string, torch::Tensor> module_norms;  ///< vision, projector, llm
  torch::Tensor skipped;                              ///< [] fp32, 1 where the step was skipped because of NaN or Inf
  bool learned = true;  ///< false where no trainable parameter had a part in the loss: nothing was changed then
};

/// Gradients of the mean cross-entropy over the global batch's supervised tokens, however the batch is split into ranks
/// and micro-batches: for each micro-batch forward and backward; reduce; clip by the global norm; step. Ranks without
/// supervised tokens in a micro-batch take part in its collectives and compute nothing.
///
/// A micro-batch whose loss no trainable parameter has a part in (only texts, and a frozen language model) adds to
/// the loss and has no backward pass. Where all are such, parameters and optimizer stay as they are.
StepOutcome train_step(model::ConvLlavaImpl& model, const data::StepBatch& batch, const GlobalCounts& counts,
                       parallel::Engine& engine, optim::Optimizer& optimizer, const optim::ClipOptions& clip,
                       const std::function<optim::Rates(const parallel::FlatRange&)>& rates);

/// The gradient part of `train_step` alone; returns the loss. For tests and for other optimizers.
torch::Tensor accumulate_gradients(model::ConvLlavaImpl& model, const data::StepBatch& batch,
                                   const GlobalCounts& counts, parallel::Engine& engine);

}  // namespace convllava::train
