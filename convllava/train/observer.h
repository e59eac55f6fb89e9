#pragma once

#include <cstdint>
#include <exception>
#include <functional>

#include "convllava/data/loader.h"
#include "convllava/train/train_step.h"

namespace convllava::train {

/// A step that has been given to the device, and counted.
struct StepEvent {
  int64_t step;  ///< from 1
  const data::StepBatch& batch;
  const GlobalCounts& counts;
  const StepOutcome& outcome;
  double data_wait;  ///< seconds that this rank waited for the batch
};

/// A part of a run that acts at fixed points of the loop (trainer.h), on all ranks in the same order.
class Observer {
 public:
  virtual ~Observer() = default;
  /// Before the first step of this process.
  virtual void start() {}
  virtual void after_step(const StepEvent&) {}
  /// After the last step, or after a stop signal.
  virtual void finished() {}
};

/// Thrown where all ranks find the same reason to end at the same step: the trainer saves what was learned, together,
/// and then throws what `error` returns.
struct AgreedFailure {
  std::function<std::exception_ptr()> error;
};

}  // namespace convllava::train
