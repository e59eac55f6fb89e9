#include <fmt/format.h>

#include <algorithm>

#include "convllava/config/yaml.h"
#include "convllava/core/error.h"
#include "convllava/core/fingerprint.h"
#include "convllava/core/log.h"
#include "convllava/core/suggest.h"
#include "convllava/data/summary.h"
#include "convllava/distributed/agreement.h"
#include "convllava/formats/model_directory.h"
#include "convllava/hardware/device_info.h"
#include "convllava/hardware/gpu_of_rank.h"
#include "convllava/nn/libtorch.h"
#include "convllava/optim/flat_state.h"
#include "convllava/optim/schedule.h"
#include "convllava/setup/build_model.h"
#include "convllava/train/check_config.h"
#include "convllava/train/earlier_run.h"
#include "convllava/train/planned_model.h"
#include "convllava/train/resume_point.h"
#include "convllava/train/same_run.h"
#include "convllava/train/trainer_impl.h"

namespace convllava::train {
namespace fs = std::filesystem;
namespace {

fs::path without_slash(const fs::path& folder) { return folder.has_filename() ? folder : folder.parent_path(); }

}  // namespace

Trainer::Impl::Impl(RunConfig run_config, distributed::ProcessGroup run_group, torch::Device run_device)
    : config(std::move(run_config)),
      group(std::move(run_group)),
      device(hardware::numbered_device(run_device)),
      run(without_slash(config.output_dir)),
      skipped_steps(config.train.max_skipped_steps) {}

/// Everything that can be wrong with the configuration shows here, on a model without memory.
void Trainer::Impl::check_model() {
  auto plan = plan_model(config, Paths::kMustExist);
  shape = plan.shape;
  tokenizer = std::move(plan.tokenizer);
  for (const auto& parameter : plan.outline->llm->parameters()) {
    trains_language = trains_language || parameter.requires_grad();
  }
  core::log_info("model\n" + setup::parameter_table(*plan.outline, config.train));
  core::log_info("device: " + (device.is_cuda() ? device.str() + ", " + hardware::gpu_name(device) : "CPU"));
}

/// What the user may not expect of the data, from a part of them, so that a start stays quick. Records of that part
/// may be too many already.
void Trainer::Impl::look_at_data() const {
  if (!is_main()) return;
  data::SummaryOptions options;
  options.most_examined = 200;
  options.threads = static_cast<int>(config.data.workers);
  const auto summary = data::summarize(*data.train.dataset, data.train.members, options);
  for (const auto& line : data::warnings(summary)) core::log_warning("data.train: " + line);
  if (too_many_bad(summary.unusable, summary.records, config.data.max_bad_share)) {
    throw bad_share_error(
        "data.train", "too many records or pictures cannot be used",
        fmt::format("{} of {}, the first: {}", summary.unusable, summary.records, summary.reasons.front()),
        config.data.max_bad_share);
  }
  if (!data.validation.dataset && config.report.samples > 0) {
    core::log_info("no data.validation: no validation loss, and no sample answers in the report");
  }
}

/// What sees pictures only learns nothing from texts.
void Trainer::Impl::check_pictures() const {
  const auto has_picture = [&](int64_t index) { return data.train.dataset->summary(index).has_image; };
  if (trains_language || std::any_of(data.train.members.begin(), data.train.members.end(), has_picture)) return;
  throw ConfigError(error_message("trainable", "only parts that see pictures, and no record of data.train has one",
                                  core::join(config.trainable), "a part of llm, or records with pictures"));
}

void Trainer::Impl::open_folder() {
  if (!is_main()) return;
  std::error_code error;
  fs::create_directories(run, error);
  if (error) {
    throw ConfigError(error_message("output_dir: " + run.string(), "cannot create the folder", error.message(),
                                    "a folder that can be written to"));
  }
  lock.emplace(run);
  checkpoint::clear_interrupted_saves(run);
}

void Trainer::Impl::open_model() {
  const auto dtype = hardware::scalar_type(config.dtype);
  const auto options = torch::TensorOptions(device).dtype(dtype);
  // The weights of a run that goes on come with its state, in `resume`.
  model = latest ? model::ConvLlava(shape, options) : setup::build_model(config.model, shape, options, config.seed);
  if (is_main()) started_from = run_start(config.model, latest);
  setup::set_trainable(*model, config.trainable);
  setup::set_recompute(*model, config.train);
  flops.emplace(*model);
  if (dtype == torch::kBFloat16) peak_flops = hardware::peak_bf16_flops(device);
}

void Trainer::Impl::resume() {
  state.data_fingerprint = data.identity.text();
  if (!latest) return;
  auto saved = checkpoint::load_training_state(latest->path);
  require_same_data(run, std::exchange(saved.data_fingerprint, state.data_fingerprint), data.identity);
  formats::load_model(latest->path, *model);
  last_saved = confirmed_step = saved.step;
  state = std::move(saved);
}

void Trainer::Impl::count_total_steps() {
  const auto& train = config.train;
  total_steps = optim::total_steps(train, loader->steps_per_epoch());
  if (train.max_steps <= total_steps || !is_main()) return;
  core::log_warning(fmt::format("train.max_steps {} has no effect: train.epochs {} ends the run after {} steps",
                                train.max_steps, train.epochs, total_steps));
}

/// Ranks that see other files would wait for each other in different collectives, or train apart without a word.
void Trainer::Impl::check_agreement() {
  core::Fingerprint fingerprint;
  fingerprint.add(config::write_yaml(config::fields_of(config)) + data.identity.text());
  distributed::require_agreement(group,
                                 {{"step", static_cast<double>(state.step)},
                                  {"number of steps", static_cast<double>(total_steps)},
                                  {"fingerprint of configuration and data", fingerprint.as_double()}},
                                 "output_dir and the data on disks that all ranks see, and one configuration");
}

/// Only of a run that goes on, so that one which is refused or complete keeps what it wrote.
void Trainer::Impl::open_logs() {
  if (is_main() && state.step == 0) set_aside_earlier_run(run);
  group.barrier();
  quarantine = std::make_unique<Quarantine>(run, group.rank());
  if (!is_main()) return;
  const auto yaml = config::write_yaml(config::fields_of(config));
  core::write_file_atomic(run / "config.yaml", yaml);
  metrics = std::make_unique<report::MetricLog>(run, state.step, config.report);
}

void Trainer::Impl::load_optimizer() {
  const auto saved = checkpoint::open_state_tensors(latest->path);
  state.format == 1 ? optimizer->load_state(optim::FlatState(saved, units->units())) : optimizer->load_state(saved);
}

Trainer::Trainer(RunConfig config, distributed::ProcessGroup group, torch::Device device)
    : impl_(std::make_unique<Impl>(std::move(config), std::move(group), device)) {
  auto& self = *impl_;
  check_config(self.config, "configuration");
  check_paths(self.config, "configuration", goes_on(self.config));
  self.check_model();
  require_same_run(self.config, *self.tokenizer);
  self.data = open_data(self.config, self.shape.vision.total_stride(), *self.tokenizer);
  check_known_bad(self.data.train, self.config.data.max_bad_share);
  self.check_pictures();
  self.look_at_data();
  self.open_folder();
  const auto point = find_resume_point(self.run);  // under the lock: another run may have gone on until now
  if (self.is_main()) set_aside(point.damaged);
  self.latest = point.from;
  self.open_model();
  self.resume();
  self.units = std::make_unique<parallel::Replicate>(model::parameter_blocks(*self.model), self.group);
  self.optimizer = std::make_unique<optim::Optimizer>(optim::make_rule(self.config.train), self.units->units());
  if (self.latest) self.load_optimizer();

  self.loader = std::make_unique<data::Loader>(
      *self.data.train.dataset, self.data.train.members,
      data::LoaderSetup{self.config.data, self.config.train, static_cast<uint64_t>(self.config.seed), self.group.rank(),
                        self.group.world_size()},
      self.state.step);
  self.count_total_steps();
  self.check_agreement();
}

Trainer::~Trainer() = default;

}  // namespace convllava::train
