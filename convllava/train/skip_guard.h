#pragma once

#include <cstdint>
#include <optional>

#include "convllava/train/observer.h"
#include "convllava/train/skipped_steps.h"
#include "convllava/train/training.h"

namespace convllava::train {

/// Counts the steps that change nothing, and ends the run that does not learn: too many steps in a row with
/// non-finite gradients, or a run in which no step learned.
class SkipGuard : public Observer {
 public:
  SkipGuard(Training& training, const SkipOptions& options);

  void after_step(const StepEvent& event) override;
  /// Throws Error or DataError when no step of the run learned anything. Waits for the device.
  void require_learned();

  /// The counts so far, to be given to `note` later; and whether that must be soon.
  SkippedSteps::Snapshot snapshot() const { return steps_.snapshot(); }
  bool must_look() const { return steps_.must_look(); }
  /// Reads the counts that the device had after step `step`. Waits for it.
  void note(int64_t step, const SkippedSteps::Snapshot& snapshot);
  bool too_many() const { return too_many_in_row_.has_value(); }
  /// Throws AgreedFailure where there are too many skipped steps.
  void require_few() const;
  /// Steps of this process that changed the parameters. Waits for the device.
  int64_t learned();

 private:
  void note_idle();

  Training& training_;
  const SkipOptions& options_;
  SkippedSteps steps_;
  int64_t learned_ = 0;
  std::optional<int64_t> too_many_in_row_;
};

}  // namespace convllava::train
