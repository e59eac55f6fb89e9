#pragma once

#include <torch/types.h>

#include <cstdint>

#include "convllava/config/fields.h"

namespace convllava::train {

/// How many steps may be skipped (section `train`).
struct SkipOptions {
  int64_t max_skipped_steps = 10;  ///< non-finite steps in a row before the run stops
  void visit_fields(config::FieldVisitor& visitor);
};

/// Counts the steps that were skipped because their gradient was not finite. The counts stay on the device; the host
/// waits for them as seldom as it can without missing the moment when too many came in a row.
class SkippedSteps {
 public:
  /// `most_in_row` steps in a row are allowed (train.max_skipped_steps).
  explicit SkippedSteps(int64_t most_in_row) : most_in_row_(most_in_row) {}

  /// `skipped`: [] fp32, 1 where the step was skipped (StepOutcome::skipped).
  void add(const torch::Tensor& skipped);
  /// Whether there may be more than `most_in_row` by now: the time to call `look`.
  bool must_look() const { return steps_ - looked_at_ > most_in_row_ - in_row_; }

  struct Count {
    int64_t skipped = 0;  ///< of the steps since the last look
    int64_t steps = 0;    ///< since the last look
    int64_t in_row = 0;   ///< that end with the newest step
    bool too_many = false;
  };
  /// The counts after some step; `counts` may be moved to the host before it is looked at.
  struct Snapshot {
    torch::Tensor counts;  ///< [2] fp32: skipped of all steps, skipped in a row
    int64_t steps = 0;
  };
  Snapshot snapshot() const { return {counts_, steps_}; }
  /// Waits for the device where the counts are there. Snapshots are looked at in the order in which they were taken.
  Count look(const Snapshot& snapshot);
  Count look() { return look(snapshot()); }

 private:
  int64_t most_in_row_;
  int64_t steps_ = 0;
  torch::Tensor counts_;
  int64_t looked_at_ = 0;  ///< steps, skipped and in a row at the last look
  int64_t skipped_ = 0;
  int64_t in_row_ = 0;
};

}  // namespace convllava::train
