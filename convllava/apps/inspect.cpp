// inspect : looks at configurations, checkpoints and samples without training.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdint>

#include "convllava/apps/command_line.h"
#include "convllava/apps/inspect_data.h"
#include "convllava/apps/inspect_labels.h"
#include "convllava/checkpoint/file_access.h"
#include "convllava/checkpoint/run_folder.h"
#include "convllava/checkpoint/safetensors.h"
#include "convllava/core/log.h"
#include "convllava/core/process.h"
#include "convllava/core/progress.h"
#include "convllava/core/suggest.h"
#include "convllava/formats/hf_config_names.h"
#include "convllava/formats/open_checkpoint.h"
#include "convllava/nn/libtorch.h"
#include "convllava/setup/build_model.h"
#include "convllava/stage/check_config.h"
#include "convllava/stage/memory_needs.h"
#include "convllava/stage/planned_model.h"
#include "convllava/stage/same_run.h"

using namespace convllava;

namespace {

void print_parameters(const stage::RunConfig& config, int64_t ranks) {
  const auto plan = stage::plan_model(config, stage::Paths::kMayBeAbsent);
  const bool resumes = stage::can_resume(config);
  if (resumes) {
    core::log_info(
        fmt::format("output_dir: {} holds a run; the shapes are those of its checkpoint", config.output_dir));
  }
  for (const auto& [field, path] :
       {std::pair("model.from", config.model.from), std::pair("model.vision_from", config.model.vision_from),
        std::pair("model.llm_from", config.model.llm_from)}) {
    if (path.empty() || checkpoint::path_exists(path) || resumes) continue;
    core::log_warning(fmt::format("{}: {} does not exist; the shapes of {} are used", field, path,
                                  config.model.size.empty() ? "convllava-7b" : config.model.size));
  }
  fmt::print("{}\n{}", setup::parameter_table(*plan.outline, config.train),
             stage::needs_table(*plan.outline, config, ranks));
}

void print_tensors(const std::filesystem::path& directory) {
  const checkpoint::ModelShards shards(directory);
  int64_t bytes = 0;
  for (const auto& [name, info] : shards.tensors()) {
    std::vector<std::string> sizes;
    for (const int64_t size : info.shape) sizes.push_back(std::to_string(size));
    fmt::print("{:<5} [{}] {}\n", info.dtype, core::join(sizes), name);
    bytes += info.bytes;
  }
  fmt::print("{}: {} tensors, {}\n", directory.string(), shards.tensors().size(),
             core::format_bytes(static_cast<double>(bytes)));
}

void print_checkpoint(const std::string& path) {
  const formats::OpenCheckpoint opened(path);
  const auto& directory = opened.path();
  print_tensors(directory);
  const auto tower = directory / formats::kTowerDirectory;
  std::error_code ignored;
  if (std::filesystem::exists(tower, ignored)) print_tensors(tower);
}

void print_reference() {
  stage::RunConfig config;
  fmt::print("{}", config::reference_markdown(config::fields_of(config)));
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Inspects configurations, checkpoints and training samples.");
  std::string parameters;
  std::string tensors;
  std::string labels;
  std::string data;
  std::vector<std::string> overrides;
  int64_t sample = 0;
  auto* what = app.add_option_group("what")->require_option(1);
  auto* with_parameters =
      what->add_option("--params", parameters,
                       "Parameters, trainable set, memory and disk of a configuration; allocates no weights")
          ->transform(apps::path());
  const auto* with_data =
      what->add_option(
              "--data", data,
              "Check all records and images of a configuration: unusable, truncated and empty ones, ignored fields")
          ->transform(apps::path());
  auto* with_tensors = what->add_option("--tensors", tensors, "Tensors of a checkpoint")->transform(apps::path());
  auto* with_labels =
      what->add_option("--labels", labels,
                       "A training sample of a configuration. Supervised tokens are green, or in [[ ]] without colours "
                       "(no terminal, TERM=dumb or NO_COLOR)")
          ->transform(apps::path());
  bool reference = false;
  auto* with_reference = what->add_flag("--reference", reference, "The configuration reference as Markdown");
  int64_t ranks = 1;
  app.add_option("--ranks", ranks, "Ranks that --params counts with")
      ->transform(apps::whole_number(1, 1'000'000))
      ->needs(with_parameters);
  app.add_option("--sample", sample, "Index of the training sample that --labels shows, from 0")
      ->transform(apps::whole_number(0, INT64_MAX))
      ->needs(with_labels);
  app.add_option("--set", overrides, "Override a field of the configuration")
      ->take_all()
      ->excludes(with_tensors)
      ->excludes(with_reference);
  if (const auto code = apps::parse_command_line(app, argc, argv)) return *code;

  return core::run_main("inspect", [&] {
    if (with_parameters->count() > 0) print_parameters(stage::load_run_config(parameters, overrides), ranks);
    if (with_tensors->count() > 0) print_checkpoint(tensors);
    if (with_data->count() > 0)
      apps::check_data(stage::load_run_config(data, overrides, stage::Paths::kMustExist, stage::can_resume));
    if (with_labels->count() > 0)
      apps::print_labels(stage::load_run_config(labels, overrides, stage::Paths::kMustExist, stage::can_resume),
                         sample);
    if (reference) print_reference();
    return 0;
  });
}
