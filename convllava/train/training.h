#pragma once

#include <torch/types.h>

#include <filesystem>
#include <memory>
#include <optional>

#include "convllava/checkpoint/training_state.h"
#include "convllava/data/loader.h"
#include "convllava/data/mixture.h"
#include "convllava/data/quarantine.h"
#include "convllava/distributed/process_group.h"
#include "convllava/model/convllava.h"
#include "convllava/optim/optimizer.h"
#include "convllava/parallel/engine.h"

namespace convllava::train {

struct TrainSummary {
  int64_t steps = 0;  ///< done in all, with those before a restart
  int64_t total_steps = 0;
  std::optional<double> validation_before;  ///< loss before the first step of the run
  std::optional<double> validation_after;   ///< loss after the last step
  bool stopped = false;                     ///< ended early by a signal; there is a checkpoint to resume from
  bool reported = false;                    ///< report.html is of this start of the run
};

/// The objects of a run and its counters: what the Trainer works on and its observers read.
struct Training {
  Training(distributed::ProcessGroup process_group, torch::Device run_device, std::filesystem::path run_folder)
      : group(std::move(process_group)), device(run_device), folder(std::move(run_folder)) {}

  bool is_main() const { return group.rank() == 0; }
  bool is_done() const { return state.step >= total_steps; }
  /// "3 of 4", also where a checkpoint is beyond the steps that are configured now.
  std::string steps_text() const {
    const std::string step = std::to_string(state.step);
    const std::string total = std::to_string(total_steps);
    return state.step <= total_steps ? step + " of " + total : step + " (beyond the configured " + total + ")";
  }

  distributed::ProcessGroup group;
  torch::Device device;
  std::filesystem::path folder;
  data::Mixture data;
  model::ConvLlava model{nullptr};
  std::unique_ptr<parallel::Engine> engine;
  std::unique_ptr<optim::Optimizer> optimizer;
  std::unique_ptr<data::Loader> loader;
  std::unique_ptr<data::Quarantine> quarantine;

  checkpoint::TrainingState state;
  int64_t total_steps = 0;
  int64_t confirmed_step = 0;  ///< the last one that all ranks are known to have done
  TrainSummary summary;
};

}  // namespace convllava::train
