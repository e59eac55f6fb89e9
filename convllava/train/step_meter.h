#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "convllava/config/fields.h"
#include "convllava/core/progress.h"
#include "convllava/report/metric_log.h"
#include "convllava/train/train_step.h"

namespace convllava::train {

/// How often numbers are written (section `report`).
struct LogOptions {
  int64_t log_every = 1;  ///< steps between metric records
  void visit_fields(config::FieldVisitor& visitor);
};

/// What the steps since the last entry of the log took.
struct Speed {
  double seconds = 0;  ///< in all, without checkpoints and validation
  double tokens_per_second = 0;
  double samples_per_second = 0;
  double seconds_per_step = 0;
  double data_wait_share = 0;  ///< of `seconds`: this rank had no batch to compute on
  double tflops = 0;           ///< of all ranks
  std::optional<double> mfu;   ///< share of the GPUs' bf16 peak, where that is known

  /// speed/tokens_per_second, ...
  report::Scalars scalars() const;
  /// "1234 tok/s 5.6 samples/s 0.12 TFLOP/s MFU 40.1 % data wait 3 %"
  std::string text() const;
};

/// Adds up steps between two entries of the log.
class StepMeter {
 public:
  void restart() { *this = StepMeter(); }
  /// The meter of the time until now; this one starts anew.
  StepMeter split();
  /// `flops`: this rank's.
  void add(const GlobalCounts& counts, double flops);
  /// Seconds that this rank waited for a batch. Apart from `add`, because the entry of the step before may come
  /// between.
  void add_data_wait(double seconds) { data_wait_ += seconds; }
  /// Seconds that belong to no step.
  void leave_out(double seconds) { left_out_ += seconds; }
  /// This rank's, for the sum over ranks that `speed` takes.
  double flops() const { return flops_; }
  /// `flops_of_all`: of all ranks; `peak_flops`: of all ranks' devices, per second.
  Speed speed(double flops_of_all, std::optional<double> peak_flops) const;

 private:
  core::Stopwatch watch_;
  std::optional<double> stopped_at_;  ///< seconds
  double left_out_ = 0;
  double tokens_ = 0;
  double samples_ = 0;
  double flops_ = 0;
  double data_wait_ = 0;
  int64_t steps_ = 0;
};

}  // namespace convllava::train
