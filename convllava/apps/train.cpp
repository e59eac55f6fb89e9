// train --config FILE [--set key=value]... : runs one training stage, alone or as one of the ranks that a launcher
// started.

#include <CLI/CLI.hpp>
#include <iostream>

#include "convllava/config/yaml.h"
#include "convllava/core/log.h"
#include "convllava/core/process.h"
#include "convllava/distributed/launch.h"
#include "convllava/distributed/process_group.h"
#include "convllava/nn/libtorch.h"
#include "convllava/train/trainer.h"

using namespace convllava;

namespace {

int train_stage(const config::TrainConfig& config) {
  const auto environment = distributed::launch_environment();
  core::set_log_rank(environment.rank, environment.world_size);
  const auto device = train::pick_device(config.device, environment.local_rank);
  distributed::ProcessGroup group(environment, device);
  try {
    train::Trainer trainer(config, group, device);
    trainer.run();
  } catch (const std::exception& error) {
    group.abandon(error.what());
    throw;
  }
  group.shutdown();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  core::tune_allocator();
  CLI::App app("Trains one stage of ConvLLaVA from a YAML configuration.");
  std::string file;
  std::vector<std::string> overrides;
  bool print_config = false;
  app.add_option("--config", file, "YAML file of the stage")->required();
  app.add_option("--set", overrides, "Override a field: --set train.lr=1e-5")->take_all();
  app.add_flag("--print-config", print_config, "Print the resolved configuration and exit");
  CLI11_PARSE(app, argc, argv);

  return core::run_main("train", [&] {
    const auto config = config::load_train_config(file, overrides);
    if (print_config) {
      auto copy = config;
      std::cout << config::write_yaml([&](auto& visitor) { copy.visit_fields(visitor); });
      return 0;
    }
    core::install_stop_handler();
    return train_stage(config);
  });
}
