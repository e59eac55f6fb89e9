#include "convllava/stage/training_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <tuple>

#include "convllava/checkpoint/record.h"
#include "convllava/checkpoint/run_folder.h"
#include "convllava/config/yaml.h"
#include "convllava/core/crc32c.h"
#include "convllava/core/error.h"
#include "convllava/core/files.h"
#include "convllava/core/log.h"
#include "convllava/core/suggest.h"
#include "convllava/core/version.h"
#include "convllava/data/summary.h"
#include "convllava/distributed/agreement.h"
#include "convllava/formats/model_directory.h"
#include "convllava/formats/stored_weights.h"
#include "convllava/hardware/device_info.h"
#include "convllava/hardware/gpu_of_rank.h"
#include "convllava/nn/libtorch.h"
#include "convllava/optim/flat_state.h"
#include "convllava/setup/build_model.h"
#include "convllava/stage/check_config.h"
#include "convllava/stage/earlier_run.h"
#include "convllava/stage/one_run.h"
#include "convllava/stage/planned_model.h"
#include "convllava/stage/restarts.h"
#include "convllava/stage/resume_point.h"
#include "convllava/stage/same_run.h"
#include "convllava/train/bad_sample_guard.h"
#include "convllava/train/run_report.h"
#include "convllava/train/trainer.h"
#include "convllava/train/validation.h"

namespace convllava::stage {
namespace fs = std::filesystem;
namespace {

std::string end_reason(const train::Training& training) {
  const int64_t step = training.state.step;
  if (step == training.total_steps) return fmt::format("all {} steps are done", step);
  return fmt::format("the checkpoint is at step {}, beyond step {}, where train.max_steps and train.epochs end the run",
                     step, training.total_steps);
}

fs::path without_slash(const fs::path& folder) { return folder.has_filename() ? folder : folder.parent_path(); }

}  // namespace

struct TrainingRun::Impl {
  Impl(RunConfig run_config, distributed::ProcessGroup group, torch::Device device)
      : config(std::move(run_config)),
        training(std::move(group), hardware::numbered_device(device), without_slash(config.output_dir)) {}

  void check_model();
  void check_images() const;
  void look_at_data() const;
  void open_folder();
  void open_checkpoint();
  void open_model();
  void read_weights();
  void read_states();
  void open_loader();
  void open_logs();
  void write_model(const fs::path& directory, const std::vector<checkpoint::WeightsFile>& plan);
  void train();
  void print_results() const;
  std::string yaml() { return config::write_yaml(config::fields_of(config)); }
  /// Of program and configuration.
  std::string digest() { return fmt::format("{:08x}", core::crc32c(yaml() + core::program_digest())); }

  RunConfig config;
  train::Training training;
  model::ModelConfig shape;
  std::optional<core::FolderLock> lock;
  std::optional<checkpoint::StepDirectory> latest;  ///< the checkpoint that the run is resumed from
  checkpoint::RunStart started_from;                ///< on rank 0
  bool trains_language = false;
  std::optional<text::Tokenizer> tokenizer;
};

/// Everything that can be wrong with the configuration shows here, on a model without memory.
void TrainingRun::Impl::check_model() {
  auto plan = plan_model(config, Paths::kMustExist);
  shape = plan.shape;
  tokenizer = std::move(plan.tokenizer);
  trains_language = nn::any_trained(plan.outline->llm->blocks());
  core::log_info("model\n" + setup::parameter_table(*plan.outline, config.train));
  core::log_info("device: " + (training.device.is_cuda()
                                   ? training.device.str() + ", " + hardware::gpu_name(training.device)
                                   : "CPU"));
}

/// Warnings about a part of the data, so that a start stays quick. Records of that part may be too many already.
void TrainingRun::Impl::look_at_data() const {
  if (!training.is_main()) return;
  data::SummaryOptions options;
  options.most_examined = 200;
  options.threads = static_cast<int>(config.data.workers);
  const auto& selection = training.data.train;
  const auto summary = data::summarize(*selection.dataset, selection.members, options);
  for (const auto& line : data::warnings(summary)) core::log_warning("data.train: " + line);
  if (data::too_many_bad(summary.unusable, summary.records, config.data.max_bad_share)) {
    throw data::bad_share_error(
        "data.train", "too many records or images cannot be used",
        fmt::format("{} of {}, the first: {}", summary.unusable, summary.records, summary.reasons.front()),
        config.data.max_bad_share);
  }
  if (!training.data.validation.dataset && config.report.samples > 0) {
    core::log_info("no data.validation: no validation loss, and no sample answers in the report");
  }
}

/// The tower and the projector learn nothing from texts.
void TrainingRun::Impl::check_images() const {
  const auto& selection = training.data.train;
  const auto has_image = [&](int64_t index) { return selection.dataset->summary(index).has_image; };
  if (trains_language || std::any_of(selection.members.begin(), selection.members.end(), has_image)) return;
  throw ConfigError({"", "trainable"}, "only parts that process images, and no record of data.train has one",
                    core::join(config.trainable), "a part of llm, or records with images");
}

void TrainingRun::Impl::open_folder() {
  if (!training.is_main()) return;
  std::error_code error;
  fs::create_directories(training.folder, error);
  if (error) {
    throw ConfigError({"", "output_dir"}, "cannot create the folder", training.folder.string() + ": " + error.message(),
                      "a folder that can be written to");
  }
  lock.emplace(training.folder);
  checkpoint::clear_interrupted_saves(training.folder);
}

/// Allocates what this rank holds of the model, without values.
void TrainingRun::Impl::open_model() {
  const auto options = torch::TensorOptions(torch::kMeta).dtype(hardware::scalar_type(config.dtype));
  auto& model = training.model;
  auto& engine = training.engine;
  training.optimizer.reset();
  engine.reset();
  model = model::ConvLlava(shape, options);
  setup::set_trainable(*model, config.trainable);
  model->set_recompute(config.train.recompute);
  engine = std::make_unique<parallel::Engine>(model->blocks(), training.group, config.parallel, training.device);
  model->set_observer(engine->observer());
}

void TrainingRun::Impl::read_weights() {
  auto& engine = *training.engine;
  if (training.is_main()) started_from = run_start(config.model, latest);
  if (latest) {
    const auto weights = formats::StoredWeights::of_model(latest->path, *training.model);
    engine.fill(weights.blocks(), [&](const nn::Block& block) { weights.write(block); });
  } else {
    const setup::StartWeights weights(config.model, *training.model, config.seed);
    engine.fill(weights.blocks(), [&](const nn::Block& block) { weights.write(block); });
    core::log_info("weights: " + weights.description());
  }
}

/// Of the optimizer, and the run's counters.
void TrainingRun::Impl::read_states() {
  auto& engine = *training.engine;
  training.optimizer = std::make_unique<optim::Optimizer>(optim::make_rule(config.train), engine.shards());
  auto& state = training.state;
  state.data_fingerprint = training.data.identity.text();
  if (!latest) return;
  auto saved = checkpoint::load_training_state(latest->path);
  require_same_data(training.folder, std::exchange(saved.data_fingerprint, state.data_fingerprint),
                    training.data.identity);
  if (saved.format == 1) {
    const auto flat = std::make_shared<optim::FlatState>(checkpoint::open_state_tensors(latest->path), engine.units());
    training.optimizer->load_state(checkpoint::WholeStates(flat));
  } else {
    training.optimizer->load_state(*checkpoint::open_states(latest->path));
  }
  training.confirmed_step = saved.step;
  state = std::move(saved);
}

void TrainingRun::Impl::open_loader() {
  const auto& [group, selection] = std::tie(training.group, training.data.train);
  const data::LoaderSetup setup{config.data, config.train, static_cast<uint64_t>(config.seed), group.rank(),
                                group.world_size()};
  training.loader = std::make_unique<data::Loader>(*selection.dataset, selection.members, setup, training.state.step);
  const auto& train = config.train;
  training.total_steps = optim::total_steps(train, training.loader->steps_per_epoch());
  if (train.max_steps <= training.total_steps || !training.is_main()) return;
  core::log_warning(fmt::format("train.max_steps {} has no effect: train.epochs {} ends the run after {} steps",
                                train.max_steps, train.epochs, training.total_steps));
}

/// The newest checkpoint is in memory, or the run starts. When a rank finds damage in a checkpoint, all ranks set it
/// aside and take the one before.
void TrainingRun::Impl::open_checkpoint() {
  for (;;) {
    const auto point = find_resume_point(training.folder);  // under the lock: another run may have written until now
    if (training.is_main()) set_aside(point.damaged);
    latest = point.from;
    distributed::require_agreement(training.group,
                                   {{"the step to resume from", latest ? static_cast<double>(latest->step) : 0.0}},
                                   "output_dir on a disk that all ranks see");
    open_model();
    std::string damage;
    try {
      read_weights();
      read_states();
    } catch (const CheckpointError& error) {
      if (!latest) throw;
      damage = error.what();
    }
    const auto found = distributed::gather_texts(training.group, damage);
    const auto first = std::find_if(found.begin(), found.end(), [](const auto& text) { return !text.empty(); });
    if (first == found.end()) break;
    if (training.is_main()) {
      set_aside({{latest->path, fmt::format("on rank {}: {}", first - found.begin(), inner_message(*first))}});
    }
    training.group.barrier();
  }
  training.engine->require_equal_weights();
}

/// Only where there is a step to do: a complete run keeps its files.
void TrainingRun::Impl::open_logs() {
  if (training.is_main() && !latest) set_aside_earlier_run(training.folder);
  training.group.barrier();
  training.quarantine = std::make_unique<data::Quarantine>(training.folder, training.group.rank());
  if (training.is_main()) core::write_file_atomic(training.folder / "config.yaml", yaml());
}

void TrainingRun::Impl::write_model(const fs::path& directory, const std::vector<checkpoint::WeightsFile>& plan) {
  checkpoint::Record record;
  record.written_by = fmt::format("convllava {}", core::version());
  record.prompt_template = config.data.prompt_template;
  record.image = config.image;
  record.max_length = config.data.max_length;
  record.step = training.state.step;
  record.total_steps = training.total_steps;
  record.started_from = started_from;
  record.run = {config.output_dir, config.trainable, config.train.lr_per_module};
  record.run_config = yaml();
  formats::save_model_files(directory, *training.model, *tokenizer, record, plan);
}

void TrainingRun::Impl::train() {
  const optim::RateSchedule rates{config.train, config.train};
  train::SkipGuard guard(training, config.train);
  train::StepLog log(training, guard, rates, config.report, config.report);
  train::BadSampleGuard bad_samples(training, config.data);
  train::Validator validator(training, log, config.report, config.train.micro_batch_size);
  const train::ModelWriter model{[this](int64_t files) { return formats::plan_weights(*training.model, files); },
                                 [this](const fs::path& directory, const auto& plan) { write_model(directory, plan); }};
  train::Checkpointer checkpointer(training, guard, log, config.checkpoint, model, latest.has_value());
  train::RunReport report(training, config.report.samples, yaml());
  train::Trainer(training, rates, config.train, {&guard, &bad_samples, &log, &validator, &checkpointer, &report},
                 checkpointer)
      .run();
}

void TrainingRun::Impl::print_results() const {
  if (!training.is_main()) return;
  const auto& state = training.state;
  if (state.cut_samples > 0) {
    core::log_warning(fmt::format("{} samples lost {} of {} answer tokens to data.max_length {}", state.cut_samples,
                                  state.cut_tokens, state.cut_tokens + state.answer_tokens, config.data.max_length));
  }
  if (state.idle_steps > 0) {
    core::log_warning(fmt::format("{} of {} steps had nothing to learn from", state.idle_steps, state.step));
  }
  const auto report = training.summary.reported ? ", report " + (training.folder / "report.html").string() : "";
  core::log_info(fmt::format("{}step {}; checkpoint {}{}", training.summary.stopped ? "stopped: " : "",
                             training.steps_text(), checkpoint::step_directory(training.folder, state.step).string(),
                             report));
}

TrainingRun::TrainingRun(RunConfig config, distributed::ProcessGroup group, torch::Device device)
    : impl_(std::make_unique<Impl>(std::move(config), std::move(group), device)) {
  auto& self = *impl_;
  auto& training = self.training;
  require_one_config(training.group, self.config);
  check_config(self.config, "configuration");
  check_paths(self.config, "configuration", can_resume(self.config));
  self.check_model();
  require_same_run(self.config, *self.tokenizer);
  training.data = open_data(self.config, self.shape.vision, *self.tokenizer);
  data::check_known_bad(training.data.train, self.config.data.max_bad_share);
  require_one_data(training.group, training.data.identity);
  self.check_images();
  self.look_at_data();
  self.open_folder();
  self.open_checkpoint();
  self.open_loader();
}

TrainingRun::~TrainingRun() = default;

train::TrainSummary TrainingRun::run() {
  auto& self = *impl_;
  auto& training = self.training;
  const auto& state = training.state;
  training.summary.total_steps = training.total_steps;
  const bool complete = training.is_done() && !train::report_is_missing(training);
  if (training.is_done()) {
    core::log_info(fmt::format("{}: {}; {}", training.folder.string(), end_reason(training),
                               complete ? "nothing to do" : "only the report is missing"));
  }
  if (!complete) {
    if (training.is_main()) note_start(training.folder, state.step, self.digest());
    self.open_logs();
    if (state.step > 0 && !training.is_done()) core::log_info(fmt::format("resuming from step {}", state.step));
    self.train();
    self.print_results();
  }
  if (training.is_main()) note_end(training.folder);
  training.summary.steps = state.step;
  return training.summary;
}

}  // namespace convllava::stage
