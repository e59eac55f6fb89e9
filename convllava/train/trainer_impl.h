#pragma once

// Internal: what a Trainer holds. trainer_setup.cpp makes it ready, trainer.cpp runs it.

#include <exception>
#include <filesystem>
#include <memory>
#include <optional>
#include <utility>

#include "convllava/checkpoint/record.h"
#include "convllava/checkpoint/run_folder.h"
#include "convllava/checkpoint/training_state.h"
#include "convllava/core/files.h"
#include "convllava/core/progress.h"
#include "convllava/data/mixture.h"
#include "convllava/model/training_flops.h"
#include "convllava/nn/host_copies.h"
#include "convllava/optim/optimizer.h"
#include "convllava/report/metric_log.h"
#include "convllava/train/skipped_steps.h"
#include "convllava/train/step_meter.h"
#include "convllava/train/train_step.h"
#include "convllava/train/trainer.h"

namespace convllava::train {

/// A step whose numbers are on their way from the device.
struct PendingLog {
  int64_t step = 0;
  bool wanted = false;  ///< by `report.log_every`; else only the skipped steps are to be looked at
  GlobalCounts counts;
  StepOutcome outcome;
  SkippedSteps::Snapshot skipped;
  nn::HostCopies copies;
};

struct Trainer::Impl {
  Impl(RunConfig run_config, distributed::ProcessGroup run_group, torch::Device run_device);

  void check_model();
  void check_pictures() const;
  void look_at_data() const;
  void open_folder();
  void open_model();
  void resume();
  void load_optimizer();
  void count_total_steps();
  void check_agreement();
  void open_logs();
  optim::Rates rates(const parallel::FlatRange& range) const;
  void train_steps();
  data::StepBatch next_batch(StepRequests& requests);
  [[noreturn]] void leave_after_failure();
  void after_step(const data::StepBatch& batch, const GlobalCounts& counts, const StepOutcome& outcome);
  void begin_log(const GlobalCounts& counts, const StepOutcome& outcome, bool wanted);
  void finish_log();
  void log_step(int64_t step, const GlobalCounts& counts, const StepOutcome& outcome);
  void check_bad_share(const data::StepBatch& batch, const GlobalCounts& counts);
  void note_idle_step();
  void note_skipped(int64_t step, const SkippedSteps::Count& count);
  void collect_skipped();
  [[noreturn]] void end_after_skipped(int64_t in_row);
  std::optional<double> validate();
  bool checkpoint_is_due() const;
  bool has_good_step();
  void save();
  void save_if_good();
  void write_checkpoint();
  void finish_log_alone() noexcept;
  void save_last_good_step() noexcept;
  void write_run_report();
  bool report_is_missing();
  void check_learned();
  void finish();
  void tell_results() const;
  bool is_main() const { return group.rank() == 0; }

  RunConfig config;
  distributed::ProcessGroup group;
  torch::Device device;
  std::filesystem::path run;
  model::ModelConfig shape;
  std::optional<core::FolderLock> lock;
  std::optional<checkpoint::StepDirectory> latest;  ///< where the run goes on from
  checkpoint::RunStart started_from;                ///< on rank 0
  bool trains_language = false;
  std::optional<text::Tokenizer> tokenizer;
  model::ConvLlava model{nullptr};
  data::Mixture data;
  std::unique_ptr<parallel::Replicate> units;
  std::unique_ptr<optim::Optimizer> optimizer;
  std::unique_ptr<data::Loader> loader;
  std::unique_ptr<report::MetricLog> metrics;
  std::unique_ptr<Quarantine> quarantine;
  std::unique_ptr<core::Progress> progress;
  std::optional<model::TrainingFlops> flops;
  std::optional<double> peak_flops;  ///< of this rank's device, where its datasheet is known

  int64_t total_steps = 0;
  checkpoint::TrainingState state;
  SkippedSteps skipped_steps;
  std::optional<PendingLog> pending_log;
  std::optional<int64_t> too_many_skipped;  ///< in a row
  int64_t last_saved = -1;
  int64_t learned_since_save = 0;  ///< steps that changed the parameters
  int64_t confirmed_step = 0;      ///< the last one that all ranks are known to have done
  bool writing = false;            ///< a checkpoint is under way
  std::exception_ptr failure;      ///< of the loader
  core::Stopwatch since_save;
  StepMeter meter;
  TrainSummary summary;
};

}  // namespace convllava::train
