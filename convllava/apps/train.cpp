// train --config FILE [--set key=value]... : runs one training stage, alone or as one of the ranks that a launcher
// started.

#include <CLI/CLI.hpp>
#include <csignal>
#include <iostream>

#include "convllava/apps/command_line.h"
#include "convllava/apps/run_rank.h"
#include "convllava/apps/start.h"
#include "convllava/core/log.h"
#include "convllava/core/stop_signal.h"
#include "convllava/distributed/launch.h"
#include "convllava/distributed/process_group.h"
#include "convllava/nn/libtorch.h"
#include "convllava/setup/build_model.h"
#include "convllava/stage/check_config.h"
#include "convllava/stage/memory_needs.h"
#include "convllava/stage/planned_model.h"
#include "convllava/stage/same_run.h"
#include "convllava/stage/training_run.h"

using namespace convllava;

namespace {

int print_needs(const stage::RunConfig& config, int64_t ranks) {
  const auto plan = stage::plan_model(config, stage::Paths::kMayBeAbsent);
  std::cout << setup::parameter_table(*plan.outline, config.train) << "\n"
            << stage::needs_table(*plan.outline, config, ranks) << stage::levels_table(*plan.outline, config, ranks);
  return 0;
}

int train_stage(const stage::RunConfig& config) {
  auto environment = distributed::launch_environment();
  environment.timeouts = config.parallel;
  core::set_log_rank(environment.rank, environment.world_size);
  const auto device = hardware::pick_device(config.device, environment.local_rank);
  core::log_info(apps::set_arithmetic(device));
  distributed::ProcessGroup group(environment, device);
  train::TrainSummary summary;
  try {
    stage::TrainingRun trainer(config, group, device);
    // Until here a signal may end the process: there is nothing to save.
    core::install_stop_handler();
    summary = trainer.run();
  } catch (const std::exception& error) {
    group.abandon(error.what());
    throw;
  }
  group.shutdown();
  if (!summary.stopped) return 0;
  return 128 + (core::stop_signal() != 0 ? core::stop_signal() : SIGTERM);  // another rank may have got the signal
}

}  // namespace

int main(int argc, char** argv) {
  apps::start(argv);
  CLI::App app("Trains one stage of ConvLLaVA from a YAML configuration.");
  std::string file;
  std::vector<std::string> overrides;
  bool print_config = false;
  app.add_option("--config", file, "YAML file of the stage")->required()->transform(apps::path());
  app.add_option("--set", overrides, "Override a field: --set train.lr=1e-5")->take_all();
  app.add_flag("--print-config", print_config, "Print the resolved configuration and exit");
  bool dry_run = false;
  int64_t ranks = 1;
  auto* with_dry_run =
      app.add_flag("--dry-run", dry_run, "Print what the run needs on each rank and exit; allocates no weights");
  app.add_option("--ranks", ranks, "Ranks that --dry-run counts with")
      ->transform(apps::whole_number(1, 1'000'000))
      ->needs(with_dry_run);
  if (const auto code = apps::parse_command_line(app, argc, argv)) return *code;

  return apps::run_rank("train", [&] {
    const auto config = stage::load_run_config(
        file, overrides, print_config || dry_run ? stage::Paths::kMayBeAbsent : stage::Paths::kMustExist,
        stage::can_resume);
    if (dry_run) return print_needs(config, ranks);
    if (print_config) {
      auto copy = config;
      std::cout << config::write_yaml(config::fields_of(copy));
      return 0;
    }
    return train_stage(config);
  });
}
