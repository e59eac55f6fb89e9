#include "convllava/train/trainer.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <optional>

#include "convllava/checkpoint/model_directory.h"
#include "convllava/checkpoint/retention.h"
#include "convllava/checkpoint/training_state.h"
#include "convllava/config/yaml.h"
#include "convllava/core/error.h"
#include "convllava/core/files.h"
#include "convllava/core/log.h"
#include "convllava/core/process.h"
#include "convllava/core/progress.h"
#include "convllava/nn/libtorch.h"
#include "convllava/train/datasets.h"
#include "convllava/train/metric_log.h"
#include "convllava/train/model_setup.h"
#include "convllava/train/report.h"
#include "convllava/train/schedule.h"
#include "convllava/train/train_step.h"
#include "convllava/train/validation.h"

namespace convllava::train {
namespace fs = std::filesystem;

struct Trainer::Impl {
  Impl(config::TrainConfig run_config, distributed::ProcessGroup run_group, torch::Device run_device)
      : config(std::move(run_config)), group(std::move(run_group)), device(run_device), run(config.output_dir) {}

  void check_model();
  void open_folder();
  void open_model();
  void resume();
  data::LoaderOptions loader_options() const;
  Rates rates(const parallel::FlatRange& range) const;
  void train_until(int64_t end);
  void after_step(const data::StepBatch& batch, const GlobalCounts& counts, const StepOutcome& outcome);
  void log_step(const GlobalCounts& counts, const StepOutcome& outcome);
  void check_bad_share(const data::StepBatch& batch, const GlobalCounts& counts);
  void check_skipped(const StepOutcome& outcome);
  double validate();
  bool checkpoint_is_due() const;
  void save();
  void write_run_report();
  bool is_main() const { return group.rank() == 0; }

  config::TrainConfig config;
  distributed::ProcessGroup group;
  torch::Device device;
  fs::path run;
  config::ModelConfig shape;
  std::optional<core::FolderLock> lock;
  std::optional<text::Tokenizer> tokenizer;
  model::ConvLlava model{nullptr};
  RunData data;
  std::unique_ptr<parallel::ReplicatedUnits> units;
  std::unique_ptr<AdamW> optimizer;
  std::unique_ptr<data::Loader> loader;
  std::unique_ptr<MetricLog> metrics;
  std::unique_ptr<Quarantine> quarantine;
  std::unique_ptr<core::Progress> progress;

  int64_t total_steps = 0;
  int64_t warmup = 0;
  checkpoint::TrainingState state;
  double bad_samples = 0;
  int64_t skipped_in_row = 0;
  int64_t last_saved = -1;
  core::Stopwatch since_save;
  core::Stopwatch since_log;
  double tokens_since_log = 0;
  double samples_since_log = 0;
  int64_t steps_since_log = 0;
  TrainSummary summary;
};

/// Everything that can be wrong with the configuration shows here, on a model without memory.
void Trainer::Impl::check_model() {
  shape = resolve_model_shape(config.model);
  tokenizer = load_tokenizer(config.model);
  if (tokenizer->vocab_size() > shape.llm.vocab_size) {
    throw ConfigError(error_message("model.tokenizer", "has more tokens than the language model has embeddings",
                                    std::to_string(tokenizer->vocab_size()), std::to_string(shape.llm.vocab_size)));
  }
  model::ConvLlava outline(shape, torch::TensorOptions(torch::kMeta));
  set_trainable(*outline, config.trainable);
  core::log_info("model\n" + parameter_table(*outline, config.train));
}

void Trainer::Impl::open_folder() {
  if (!is_main()) return;
  std::error_code error;
  fs::create_directories(run, error);
  if (error) throw ConfigError(error_message("output_dir", "cannot create the folder", run.string(), error.message()));
  lock.emplace(run);
}

void Trainer::Impl::open_model() {
  const auto dtype = config.dtype == config::Dtype::kBf16 ? torch::kBFloat16 : torch::kFloat;
  model = build_model(config.model, shape, torch::TensorOptions(device).dtype(dtype), config.seed);
  set_trainable(*model, config.trainable);
  for (const auto& part : config.train.recompute) {
    if (part == "vision") model->vision_tower->set_recompute(true);
    if (part == "llm") model->llm->set_recompute(true);
  }
}

void Trainer::Impl::resume() {
  const auto latest = checkpoint::latest_checkpoint(run);
  state.data_fingerprint = data.fingerprint;
  if (!latest) return;
  auto saved = checkpoint::load_training_state(latest->path);
  if (saved.data_fingerprint != data.fingerprint) {
    throw ConfigError(error_message("output_dir", "holds a run with other data or another batch size: " + run.string(),
                                    saved.data_fingerprint, data.fingerprint + ", or a new folder"));
  }
  checkpoint::load_model(latest->path, *model);
  last_saved = saved.step;
  state = std::move(saved);
}

data::LoaderOptions Trainer::Impl::loader_options() const {
  data::LoaderOptions options;
  options.sampler = {config.data.group_by, config.train.global_batch_size, static_cast<uint64_t>(config.seed)};
  options.micro_batch_size = config.train.micro_batch_size;
  options.workers = static_cast<int>(config.data.workers);
  options.prefetch_steps = config.data.prefetch_steps;
  options.rank = group.rank();
  options.world_size = group.world_size();
  return options;
}

Trainer::Trainer(config::TrainConfig config, distributed::ProcessGroup group, torch::Device device)
    : impl_(std::make_unique<Impl>(std::move(config), std::move(group), device)) {
  auto& self = *impl_;
  config::check_paths(self.config, "configuration");
  self.check_model();
  self.data = open_data(self.config, self.shape.vision.total_stride(), *self.tokenizer);
  self.open_folder();
  self.open_model();
  self.resume();
  if (self.is_main()) {
    const auto yaml = config::write_yaml([&](auto& visitor) { self.config.visit_fields(visitor); });
    core::write_file_atomic(self.run / "config.yaml", yaml);
  }
  self.units = std::make_unique<parallel::ReplicatedUnits>(*self.model, self.group);
  self.optimizer = std::make_unique<AdamW>(
      self.units->units(), AdamWOptions{self.config.train.betas[0], self.config.train.betas[1], self.config.train.eps});
  if (self.state.step > 0) self.optimizer->load_state(self.state.tensors);
  self.state.tensors.clear();

  self.loader = std::make_unique<data::Loader>(*self.data.train.dataset, self.data.train.members, self.loader_options(),
                                               self.state.step);
  const auto per_epoch = static_cast<double>(self.loader->steps_per_epoch());
  self.total_steps = std::max<int64_t>(1, static_cast<int64_t>(std::ceil(self.config.train.epochs * per_epoch)));
  if (self.config.train.max_steps > 0) self.total_steps = std::min(self.total_steps, self.config.train.max_steps);
  self.warmup = warmup_steps(self.config.train.warmup_ratio, self.total_steps);
  self.quarantine = std::make_unique<Quarantine>(self.run, self.group.rank());
  if (self.is_main()) {
    self.metrics = std::make_unique<MetricLog>(self.run, self.state.step, self.config.report.tensorboard);
  }
}

Trainer::~Trainer() = default;

Rates Trainer::Impl::rates(const parallel::FlatRange& range) const {
  const double factor = learning_rate_factor(config.train.schedule, state.step, warmup, total_steps);
  return {peak_lr(config.train, range.module) * factor, range.decay ? weight_decay(config.train, range.module) : 0.0};
}

void Trainer::Impl::check_bad_share(const data::StepBatch& batch, const GlobalCounts& counts) {
  quarantine->add(batch.bad);
  bad_samples += counts.bad_samples;
  const double allowed = config.data.max_bad_share * static_cast<double>(data.train.members.size());
  if (bad_samples <= allowed) return;
  const std::string example = quarantine->last_message().empty() ? "" : ", the last: " + quarantine->last_message();
  throw DataError(error_message(quarantine->file().string(), "too many records or pictures cannot be used",
                                fmt::format("{} of {}{}", bad_samples, data.train.members.size(), example),
                                fmt::format("at most a share of {} (data.max_bad_share)", config.data.max_bad_share)));
}

void Trainer::Impl::check_skipped(const StepOutcome& outcome) {
  if (outcome.skipped.item<float>() == 0) {
    skipped_in_row = 0;
    return;
  }
  state.skipped_steps += 1;
  skipped_in_row += 1;
  core::log_warning(fmt::format("step {}: the gradient is not finite; the step was left out", state.step));
  if (skipped_in_row < config.train.max_skipped_steps) return;
  const auto last = checkpoint::latest_checkpoint(run);
  throw Error(error_message(
      "train", fmt::format("{} steps in a row had gradients that are not finite", skipped_in_row), "",
      last ? "to go on from " + last->path.string() + " with a lower learning rate" : "a lower learning rate"));
}

void Trainer::Impl::log_step(const GlobalCounts& counts, const StepOutcome& outcome) {
  const auto loss = group.all_reduce(std::vector<double>{outcome.loss.item<double>()})[0];
  if (!is_main()) return;
  const double seconds = since_log.seconds();
  since_log.restart();
  Scalars scalars = {{"train/loss", loss},
                     {"train/grad_norm", outcome.gradient_norm.item<double>()},
                     {"train/epoch", static_cast<double>(state.step) / static_cast<double>(loader->steps_per_epoch())},
                     {"train/supervised_tokens", counts.supervised_tokens},
                     {"speed/tokens_per_second", tokens_since_log / seconds},
                     {"speed/samples_per_second", samples_since_log / seconds},
                     {"speed/seconds_per_step", seconds / static_cast<double>(steps_since_log)},
                     {"memory/resident_bytes", static_cast<double>(core::resident_bytes())}};
  const double factor = learning_rate_factor(config.train.schedule, state.step - 1, warmup, total_steps);
  for (const auto& [module, norm] : outcome.module_norms) {
    scalars.emplace_back("train/grad_norm/" + module, norm.item<double>());
    scalars.emplace_back("train/lr/" + module, peak_lr(config.train, module) * factor);
  }
  if (counts.cut_samples > 0) scalars.emplace_back("data/cut_samples", counts.cut_samples);
  if (bad_samples > 0) scalars.emplace_back("data/bad_samples", bad_samples);
  metrics->write(state.step, scalars);
  progress->update(state.step, fmt::format("loss {:.4f} lr {:.2e} norm {:.2f} {:.0f} tok/s {:.1f} img/s {}", loss,
                                           config.train.lr * factor, outcome.gradient_norm.item<double>(),
                                           tokens_since_log / seconds, samples_since_log / seconds,
                                           core::format_bytes(static_cast<double>(core::resident_bytes()))));
  tokens_since_log = samples_since_log = 0;
  steps_since_log = 0;
}

double Trainer::Impl::validate() {
  if (!data.validation.dataset) return std::numeric_limits<double>::quiet_NaN();
  const double loss = validation_loss(*model, data.validation, config.train.micro_batch_size, group);
  if (is_main()) {
    metrics->write(state.step, {{"validation/loss", loss}});
    core::log_info(fmt::format("step {}: validation loss {:.4f}", state.step, loss));
  }
  return loss;
}

bool Trainer::Impl::checkpoint_is_due() const {
  const auto& rule = config.checkpoint;
  const int64_t next = state.step + 1;
  if (rule.every_steps > 0 && next % rule.every_steps == 0) return true;
  return is_main() && rule.every_minutes > 0 && since_save.seconds() > 60 * rule.every_minutes;
}

void Trainer::Impl::save() {
  if (last_saved == state.step) return;
  if (is_main()) {
    core::PendingDirectory pending(checkpoint::step_directory(run, state.step));
    config::CheckpointRecord record;
    record.written_by = "convllava " CONVLLAVA_VERSION;
    record.prompt_template = config.data.prompt_template;
    record.image = config.image;
    record.max_length = config.data.max_length;
    record.step = state.step;
    record.config = config;
    checkpoint::save_model(pending.path(), *model, *tokenizer, record);
    auto saved = state;
    saved.tensors = optimizer->state();
    checkpoint::save_training_state(pending.path(), saved);
    pending.commit();
    checkpoint::remove_old_checkpoints(run, config.checkpoint.keep_last);
    core::log_info("checkpoint " + checkpoint::step_directory(run, state.step).string());
  }
  group.barrier();
  last_saved = state.step;
  since_save.restart();
}

void Trainer::Impl::write_run_report() {
  if (!is_main()) return;
  ReportContents contents;
  contents.title = run.filename().string();
  int64_t trainable = 0;
  int64_t all = 0;
  for (const auto& parameter : model->parameters()) {
    all += parameter.numel();
    trainable += parameter.requires_grad() ? parameter.numel() : 0;
  }
  contents.facts = {{"steps", fmt::format("{} of {}", state.step, total_steps)},
                    {"parameters", fmt::format("{} ({} trainable)", all, trainable)},
                    {"samples seen", std::to_string(state.samples)},
                    {"tokens seen", std::to_string(state.tokens)},
                    {"training time", core::format_duration(state.seconds)},
                    {"ranks", std::to_string(group.world_size())},
                    {"peak memory of rank 0", core::format_bytes(static_cast<double>(core::peak_resident_bytes()))}};
  contents.metrics = read_metrics(run / "metrics.jsonl");
  if (data.validation.dataset) contents.samples = sample_answers(*model, data.validation, config.report.samples);
  contents.config_yaml = config::write_yaml([&](auto& v) { config.visit_fields(v); });
  write_report(run / "report.html", contents);
}

void Trainer::Impl::after_step(const data::StepBatch& batch, const GlobalCounts& counts, const StepOutcome& outcome) {
  state.step += 1;
  state.samples += static_cast<int64_t>(counts.samples);
  state.tokens += static_cast<int64_t>(counts.tokens);
  tokens_since_log += counts.tokens;
  samples_since_log += counts.samples;
  steps_since_log += 1;
  check_bad_share(batch, counts);
  if (state.step % config.report.log_every == 0 || state.step == total_steps) {
    check_skipped(outcome);
    log_step(counts, outcome);
  }
  const int64_t every = config.report.validate_every;
  if (every > 0 && state.step % every == 0 && state.step < total_steps) validate();
}

void Trainer::Impl::train_until(int64_t end) {
  progress = std::make_unique<core::Progress>(run.filename().string(), total_steps, state.step, is_main());
  const double seconds_before = state.seconds;
  core::Stopwatch watch;
  since_log.restart();
  while (state.step < end) {
    const auto batch = loader->next();
    const auto counts = global_counts(batch, core::stop_signal() != 0, checkpoint_is_due(), group);
    if (counts.stop_requests > 0) {
      summary.stopped = true;
      break;
    }
    const auto outcome = train_step(*model, batch, counts, *units, *optimizer, config.train.max_grad_norm,
                                    [&](const parallel::FlatRange& range) { return rates(range); });
    after_step(batch, counts, outcome);
    state.seconds = seconds_before + watch.seconds();
    if (counts.save_requests > 0) save();
  }
  progress->finish();
}

TrainSummary Trainer::run() {
  auto& self = *impl_;
  self.summary.total_steps = self.total_steps;
  if (self.state.step >= self.total_steps) {
    core::log_info(fmt::format("{}: all {} steps are done; nothing to do", self.run.string(), self.total_steps));
    self.summary.steps = self.state.step;
    return self.summary;
  }
  if (self.state.step > 0) core::log_info(fmt::format("going on from step {}", self.state.step));
  if (self.state.step == 0) self.summary.validation_before = self.validate();
  self.train_until(self.total_steps);
  self.summary.steps = self.state.step;
  if (!self.summary.stopped) self.summary.validation_after = self.validate();
  self.save();
  self.write_run_report();
  return self.summary;
}

torch::Device pick_device(config::Device device, int local_rank) {
  const bool available = torch::cuda::is_available();
  if (device == config::Device::kCuda && !available) {
    throw ConfigError(error_message("device", "no CUDA device can be used", "cuda", "cpu or auto on this machine"));
  }
  if (device == config::Device::kCpu || !available) return torch::kCPU;
  return torch::Device(torch::kCUDA, static_cast<c10::DeviceIndex>(local_rank));
}

}  // namespace convllava::train
