#pragma once

#include <torch/types.h>

#include <cstdint>

namespace convllava::train {

/// Counts the steps that were left out because their gradient was not finite. The counts stay on the device; the host
/// waits for them as seldom as it can without missing the moment when too many came in a row.
class SkippedSteps {
 public:
  /// `most_in_row` steps in a row are allowed (train.max_skipped_steps).
  explicit SkippedSteps(int64_t most_in_row) : most_in_row_(most_in_row) {}

  /// `skipped`: [] fp32, 1 where the step was left out (StepOutcome::skipped).
  void add(const torch::Tensor& skipped);
  /// Whether there may be more than `most_in_row` by now: the time to call `look`.
  bool must_look() const { return steps_ > most_in_row_ - in_row_; }

  struct Count {
    int64_t skipped = 0;  ///< of the steps since the last look
    int64_t steps = 0;    ///< since the last look
    int64_t in_row = 0;   ///< that end with the newest step
    bool too_many = false;
  };
  /// Waits for the device.
  Count look();

 private:
  int64_t most_in_row_;
  int64_t in_row_ = 0;    ///< at the last look
  int64_t steps_ = 0;     ///< since the last look
  torch::Tensor counts_;  ///< [2] fp32 on the device: since the last look, in a row
};

}  // namespace convllava::train
