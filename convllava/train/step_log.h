#pragma once

#include <memory>
#include <optional>

#include "convllava/core/progress.h"
#include "convllava/model/training_flops.h"
#include "convllava/nn/host_copies.h"
#include "convllava/optim/schedule.h"
#include "convllava/report/metric_log.h"
#include "convllava/train/observer.h"
#include "convllava/train/skip_guard.h"
#include "convllava/train/step_meter.h"
#include "convllava/train/training.h"

namespace convllava::train {

/// The entries of a run in metrics.jsonl and TensorBoard, its progress line and its training time. An entry is written
/// one step late, while the device works on the next step: the host does not wait for the newest one.
class StepLog : public Observer {
 public:
  StepLog(Training& training, SkipGuard& guard, optim::RateSchedule rates, const LogOptions& options,
          const report::SinkOptions& sinks);

  void start() override;
  void after_step(const StepEvent& event) override;
  void finished() override;

  /// Writes the entry that is not written yet. Collective.
  void flush();
  /// Does `work`, which belongs to no step: neither training time nor speed includes it. Collective.
  void aside(const std::function<void()>& work);
  /// After an error: the entry of the last step, which may explain it. Several ranks would have to write it together.
  void flush_alone() noexcept;
  /// On rank 0.
  void write(const report::Scalars& scalars) { metrics_->write(training_.state.step, scalars); }

 private:
  /// A step whose numbers are on their way from the device.
  struct Pending {
    int64_t step;
    bool wanted;  ///< by `report.log_every`; else only the skipped steps are to be looked at
    GlobalCounts counts;
    StepOutcome outcome;
    int64_t bad_samples;  ///< of the run so far
    int64_t idle_steps;
    SkippedSteps::Snapshot skipped;
    nn::HostCopies copies;
    std::optional<StepMeter> meter = {};  ///< of the steps since the entry before
  };
  void begin(const StepEvent& event, bool wanted);
  void write_entry(const Pending& entry);
  void book_time();
  void open_progress();

  Training& training_;
  SkipGuard& guard_;
  optim::RateSchedule rates_;
  const LogOptions& options_;
  const report::SinkOptions& sinks_;
  model::TrainingFlops flops_;
  std::optional<double> peak_flops_;  ///< of this rank's device, where its datasheet is known
  StepMeter meter_;
  core::Stopwatch watch_;  ///< since training time was booked
  std::unique_ptr<report::MetricLog> metrics_;
  std::unique_ptr<core::Progress> progress_;
  int64_t first_step_ = 0;  ///< of this process
  std::optional<Pending> pending_;
};

}  // namespace convllava::train
