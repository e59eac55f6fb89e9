#pragma once

#include <exception>
#include <vector>

#include "convllava/optim/clip.h"
#include "convllava/optim/schedule.h"
#include "convllava/train/checkpointer.h"
#include "convllava/train/observer.h"
#include "convllava/train/training.h"

namespace convllava::train {

/// The training loop: for each step the next global batch, forward, backward and optimizer (train_step.h), then every
/// observer in turn. stage/training_run.h makes the parts of a run from its configuration.
class Trainer {
 public:
  /// All of these must outlive the trainer. `checkpointer` is one of the observers. They are called in the given order:
  /// guards, log, validation, checkpointer, report.
  Trainer(Training& training, optim::RateSchedule rates, const optim::ClipOptions& clip,
          std::vector<Observer*> observers, Checkpointer& checkpointer);

  /// Trains to the last step or until a stop signal (core/stop_signal.h). After an error what was learned since the
  /// last checkpoint is saved, as far as that is certain, and the error is thrown on.
  void run();

 private:
  void run_together();
  bool step();
  data::StepBatch next_batch(StepRequests& requests);
  void count(const GlobalCounts& counts);
  [[noreturn]] void leave_after_failure();

  Training& training_;
  optim::RateSchedule rates_;
  const optim::ClipOptions& clip_;
  std::vector<Observer*> observers_;
  Checkpointer& checkpointer_;
  std::exception_ptr failure_;  ///< of the loader
};

}  // namespace convllava::train
