#include "convllava/train/trainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "convllava/checkpoint/model_directory.h"
#include "convllava/checkpoint/retention.h"
#include "convllava/checkpoint/training_state.h"
#include "convllava/config/yaml.h"
#include "convllava/core/error.h"
#include "convllava/core/files.h"
#include "convllava/core/fingerprint.h"
#include "convllava/core/log.h"
#include "convllava/core/process.h"
#include "convllava/core/progress.h"
#include "convllava/distributed/agreement.h"
#include "convllava/distributed/gpu_of_rank.h"
#include "convllava/model/training_flops.h"
#include "convllava/nn/libtorch.h"
#include "convllava/train/datasets.h"
#include "convllava/train/hardware.h"
#include "convllava/train/metric_log.h"
#include "convllava/train/model_setup.h"
#include "convllava/train/report.h"
#include "convllava/train/same_run.h"
#include "convllava/train/schedule.h"
#include "convllava/train/train_step.h"
#include "convllava/train/validation.h"

namespace convllava::train {
namespace fs = std::filesystem;
namespace {

fs::path without_slash(const fs::path& folder) { return folder.has_filename() ? folder : folder.parent_path(); }

}  // namespace

struct Trainer::Impl {
  Impl(config::TrainConfig run_config, distributed::ProcessGroup run_group, torch::Device run_device)
      : config(std::move(run_config)),
        group(std::move(run_group)),
        device(numbered_device(run_device)),
        run(without_slash(config.output_dir)) {}

  void check_model();
  void open_folder();
  void open_model();
  void resume();
  void check_agreement();
  void open_logs();
  data::LoaderOptions loader_options() const;
  Rates rates(const parallel::FlatRange& range) const;
  void train_steps();
  void after_step(const data::StepBatch& batch, const GlobalCounts& counts, const StepOutcome& outcome);
  void log_step(const GlobalCounts& counts, const StepOutcome& outcome);
  void check_bad_share(const data::StepBatch& batch, const GlobalCounts& counts);
  void count_skipped(const StepOutcome& outcome);
  void collect_skipped();
  void check_skipped();
  std::optional<double> validate();
  bool checkpoint_is_due() const;
  void save();
  void write_run_report();
  bool report_is_missing();
  void check_learned();
  void finish();
  bool is_main() const { return group.rank() == 0; }

  config::TrainConfig config;
  distributed::ProcessGroup group;
  torch::Device device;
  fs::path run;
  config::ModelConfig shape;
  std::optional<core::FolderLock> lock;
  std::optional<checkpoint::StepDirectory> latest;  ///< where the run goes on from
  std::optional<text::Tokenizer> tokenizer;
  model::ConvLlava model{nullptr};
  RunData data;
  std::unique_ptr<parallel::ReplicatedUnits> units;
  std::unique_ptr<AdamW> optimizer;
  std::unique_ptr<data::Loader> loader;
  std::unique_ptr<MetricLog> metrics;
  std::unique_ptr<Quarantine> quarantine;
  std::unique_ptr<core::Progress> progress;
  std::optional<model::TrainingFlops> flops;
  std::optional<double> peak_flops;  ///< of this rank's device, where its datasheet is known

  int64_t total_steps = 0;
  int64_t warmup = 0;
  checkpoint::TrainingState state;
  torch::Tensor skipped_in_row;       ///< [] fp32 on the device
  torch::Tensor most_skipped_in_row;  ///< [] fp32 on the device
  torch::Tensor skipped;              ///< [] fp32 on the device, since they were collected into `state`
  int64_t skipped_before_log = 0;
  int64_t last_saved = -1;
  core::Stopwatch since_save;
  core::Stopwatch since_log;
  double seconds_aside = 0;  ///< of these, spent on checkpoints and validation
  double tokens_since_log = 0;
  double samples_since_log = 0;
  double flops_since_log = 0;  ///< this rank's
  int64_t steps_since_log = 0;
  TrainSummary summary;
};

/// Everything that can be wrong with the configuration shows here, on a model without memory.
void Trainer::Impl::check_model() {
  shape = resolve_model_shape(config.model);
  tokenizer = load_tokenizer(config.model);
  check_fits(shape, *tokenizer, config.data.max_length);
  model::ConvLlava outline(shape, torch::TensorOptions(torch::kMeta));
  set_trainable(*outline, config.trainable);
  if (!config.model.from.empty()) checkpoint::check_model(checkpoint::find_checkpoint(config.model.from), *outline);
  core::log_info("model\n" + parameter_table(*outline, config.train));
  core::log_info("device: " + (device.is_cuda() ? device.str() + ", " + gpu_name(device) : "CPU"));
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
}

void Trainer::Impl::open_model() {
  const auto dtype = config.dtype == config::Dtype::kBf16 ? torch::kBFloat16 : torch::kFloat;
  const auto options = torch::TensorOptions(device).dtype(dtype);
  // The weights of a run that goes on come with its state, in `resume`.
  model = latest ? model::ConvLlava(shape, options) : build_model(config.model, shape, options, config.seed);
  set_trainable(*model, config.trainable);
  for (const auto& part : config.train.recompute) {
    if (part == "vision") model->vision_tower->set_recompute(true);
    if (part == "llm") model->llm->set_recompute(true);
  }
  flops.emplace(*model);
  if (dtype == torch::kBFloat16) peak_flops = peak_bf16_flops(device);
}

void Trainer::Impl::resume() {
  state.data_fingerprint = data.fingerprint;
  if (!latest) return;
  auto saved = checkpoint::load_training_state(latest->path);
  if (saved.data_fingerprint != data.fingerprint) {
    throw ConfigError(error_message("output_dir", "holds a run with other data: " + run.string(),
                                    saved.data_fingerprint, data.fingerprint + ", or a new folder"));
  }
  checkpoint::load_model(latest->path, *model);
  last_saved = saved.step;
  skipped_before_log = saved.skipped_steps;
  state = std::move(saved);
}

/// Ranks that see other files would wait for each other in different collectives, or train apart without a word.
void Trainer::Impl::check_agreement() {
  core::Fingerprint fingerprint;
  fingerprint.add(config::write_yaml([&](auto& visitor) { config.visit_fields(visitor); }) + data.fingerprint);
  distributed::require_agreement(group,
                                 {{"step", static_cast<double>(state.step)},
                                  {"number of steps", static_cast<double>(total_steps)},
                                  {"fingerprint of configuration and data", fingerprint.as_double()}},
                                 "output_dir and the data on disks that all ranks see, and one configuration");
}

/// Only of a run that goes on, so that one which is refused or complete keeps what it wrote.
void Trainer::Impl::open_logs() {
  quarantine = std::make_unique<Quarantine>(run, group.rank(), state.step == 0);
  if (!is_main()) return;
  const auto yaml = config::write_yaml([&](auto& visitor) { config.visit_fields(visitor); });
  core::write_file_atomic(run / "config.yaml", yaml);
  metrics = std::make_unique<MetricLog>(run, state.step, config.report.tensorboard);
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
  config::validate(self.config, "configuration");
  config::check_paths(self.config, "configuration");
  self.check_model();
  require_same_run(self.run, self.config, *self.tokenizer);
  self.data = open_data(self.config, self.shape.vision.total_stride(), *self.tokenizer);
  self.open_folder();
  self.latest = checkpoint::latest_checkpoint(self.run);  // under the lock: another run may have gone on until now
  self.open_model();
  self.resume();
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
  self.check_agreement();
}

Trainer::~Trainer() = default;

Rates Trainer::Impl::rates(const parallel::FlatRange& range) const {
  const double factor = learning_rate_factor(config.train.schedule, state.step, warmup, total_steps);
  return {peak_lr(config.train, range.module) * factor, range.decay ? weight_decay(config.train, range.module) : 0.0};
}

/// A bad record is met again in every epoch: its share is that of the samples drawn so far, or of the first epoch.
void Trainer::Impl::check_bad_share(const data::StepBatch& batch, const GlobalCounts& counts) {
  quarantine->add(batch.bad);
  state.bad_samples += static_cast<int64_t>(counts.bad_samples);
  const int64_t drawn = std::max(static_cast<int64_t>(data.train.members.size()), state.samples + state.bad_samples);
  if (static_cast<double>(state.bad_samples) <= config.data.max_bad_share * static_cast<double>(drawn)) return;
  const std::string example = quarantine->last_message().empty() ? "" : ", the last: " + quarantine->last_message();
  throw DataError(error_message(quarantine->file().string(), "too many records or pictures cannot be used",
                                fmt::format("{} of {}{}", state.bad_samples, drawn, example),
                                fmt::format("at most a share of {} (data.max_bad_share)", config.data.max_bad_share)));
}

/// Counts on the device; the host looks where it logs or saves.
void Trainer::Impl::count_skipped(const StepOutcome& outcome) {
  if (!skipped.defined()) {
    skipped = torch::zeros_like(outcome.skipped);
    skipped_in_row = torch::zeros_like(outcome.skipped);
    most_skipped_in_row = torch::zeros_like(outcome.skipped);
  }
  skipped.add_(outcome.skipped);
  skipped_in_row.add_(outcome.skipped).mul_(outcome.skipped);
  most_skipped_in_row = torch::maximum(most_skipped_in_row, skipped_in_row);
}

void Trainer::Impl::collect_skipped() {
  if (!skipped.defined()) return;
  state.skipped_steps += static_cast<int64_t>(skipped.item<float>());
  skipped.zero_();
}

void Trainer::Impl::check_skipped() {
  collect_skipped();
  const int64_t count = state.skipped_steps - skipped_before_log;
  skipped_before_log = state.skipped_steps;
  if (count == 0) return;
  if (is_main()) {
    core::log_warning(fmt::format("step {}: {} of the last {} steps left out, because the gradient was not finite",
                                  state.step, count, steps_since_log));
  }
  const auto in_row = most_skipped_in_row.item<float>();
  if (in_row <= static_cast<float>(config.train.max_skipped_steps)) return;
  const auto last = checkpoint::latest_checkpoint(run);
  throw Error(error_message("train", fmt::format("{} steps in a row had gradients that are not finite", in_row), "",
                            fmt::format("at most {} (train.max_skipped_steps); to go on{} with a lower learning rate",
                                        config.train.max_skipped_steps, last ? " from " + last->path.string() : "")));
}

void Trainer::Impl::log_step(const GlobalCounts& counts, const StepOutcome& outcome) {
  const auto sums = group.all_reduce(std::vector<double>{outcome.loss.item<double>(), flops_since_log});
  flops_since_log = 0;
  if (!is_main()) return;
  const double loss = sums[0];
  const double seconds = since_log.seconds() - std::exchange(seconds_aside, 0.0);
  const double flops_per_second = sums[1] / seconds;
  since_log.restart();
  Scalars scalars = {{"train/loss", loss},
                     {"train/grad_norm", outcome.gradient_norm.item<double>()},
                     {"train/epoch", static_cast<double>(state.step) / static_cast<double>(loader->steps_per_epoch())},
                     {"train/supervised_tokens", counts.supervised_tokens},
                     {"speed/tokens_per_second", tokens_since_log / seconds},
                     {"speed/samples_per_second", samples_since_log / seconds},
                     {"speed/seconds_per_step", seconds / static_cast<double>(steps_since_log)},
                     {"speed/tflops", flops_per_second / 1e12},
                     {"memory/resident_bytes", static_cast<double>(core::resident_bytes())}};
  const auto peak_bytes = static_cast<double>(peak_memory_bytes(device));
  if (device.is_cuda()) scalars.emplace_back("memory/gpu_peak_bytes", peak_bytes);
  std::string utilisation;
  if (peak_flops) {
    const double mfu = flops_per_second / (*peak_flops * group.world_size());
    scalars.emplace_back("speed/mfu", mfu);
    utilisation = fmt::format(" MFU {:.1f} %", 100 * mfu);
  }
  const double factor = learning_rate_factor(config.train.schedule, state.step - 1, warmup, total_steps);
  double highest_lr = 0;
  for (const auto& [module, norm] : outcome.module_norms) {
    const double lr = peak_lr(config.train, module) * factor;
    highest_lr = std::max(highest_lr, lr);
    scalars.emplace_back("train/grad_norm/" + module, norm.item<double>());
    scalars.emplace_back("train/lr/" + module, lr);
  }
  if (counts.cut_samples > 0) scalars.emplace_back("data/cut_samples", counts.cut_samples);
  if (state.bad_samples > 0) scalars.emplace_back("data/bad_samples", static_cast<double>(state.bad_samples));
  metrics->write(state.step, scalars);
  progress->update(
      state.step,
      fmt::format("loss {:.4f} lr {:.2e} norm {:.2f} {:.0f} tok/s {:.1f} img/s {:.3g} TFLOP/s{} {}", loss, highest_lr,
                  outcome.gradient_norm.item<double>(), tokens_since_log / seconds, samples_since_log / seconds,
                  flops_per_second / 1e12, utilisation, core::format_bytes(peak_bytes)));
  tokens_since_log = samples_since_log = 0;
  steps_since_log = 0;
}

/// Nothing without validation data, and after a stop signal.
std::optional<double> Trainer::Impl::validate() {
  if (!data.validation.dataset) return std::nullopt;
  const core::Stopwatch watch;
  const auto loss = validation_loss(*model, data.validation, config.train.micro_batch_size, group);
  seconds_aside += watch.seconds();
  if (!loss) {
    summary.stopped = true;
  } else if (is_main()) {
    metrics->write(state.step, {{"validation/loss", *loss}});
    core::log_info(fmt::format("step {}: validation loss {:.4f}", state.step, *loss));
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
  const core::Stopwatch watch;
  collect_skipped();  // waits for the device
  // When a rank dies its reductions end early everywhere, with garbage: all must have come this far.
  group.barrier();
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
  seconds_aside += watch.seconds();
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
                    {"peak memory of rank 0", core::format_bytes(static_cast<double>(peak_memory_bytes(device)))}};
  contents.metrics = read_metrics(run / "metrics.jsonl");
  if (data.validation.dataset && !summary.stopped)
    contents.samples = sample_answers(*model, data.validation, config.report.samples);
  contents.config_yaml = config::write_yaml([&](auto& v) { config.visit_fields(v); });
  write_report(run / "report.html", contents);
}

void Trainer::Impl::after_step(const data::StepBatch& batch, const GlobalCounts& counts, const StepOutcome& outcome) {
  state.step += 1;
  state.samples += static_cast<int64_t>(counts.samples);
  state.tokens += static_cast<int64_t>(counts.tokens);
  for (const auto& micro : batch.micro_batches) flops_since_log += (*flops)(micro);
  tokens_since_log += counts.tokens;
  samples_since_log += counts.samples;
  steps_since_log += 1;
  check_bad_share(batch, counts);
  count_skipped(outcome);
  if (state.step % config.report.log_every == 0 || state.step == total_steps) {
    check_skipped();
    log_step(counts, outcome);
  }
}

void Trainer::Impl::train_steps() {
  progress = std::make_unique<core::Progress>(run.filename().string(), total_steps, state.step, is_main());
  since_log.restart();
  seconds_aside = 0;
  while (state.step < total_steps) {
    const core::Stopwatch watch;
    const auto batch = loader->next();
    const auto counts = global_counts(batch, group, core::stop_signal() != 0, checkpoint_is_due());
    if (counts.stop_requests > 0) {
      summary.stopped = true;
      break;
    }
    const auto outcome = train_step(*model, batch, counts, *units, *optimizer, config.train.max_grad_norm,
                                    [&](const parallel::FlatRange& range) { return rates(range); });
    after_step(batch, counts, outcome);  // waits for the device where it logs
    state.seconds += watch.seconds();
    const int64_t every = config.report.validate_every;
    if (every > 0 && state.step % every == 0 && state.step < total_steps) validate();
    // The last one comes with the report, in `finish`.
    if (counts.save_requests > 0 && state.step < total_steps) save();
  }
  progress->finish();
}

/// Rank 0 looks, all ranks know.
bool Trainer::Impl::report_is_missing() {
  double missing = 0;
  if (is_main()) {
    std::error_code error;
    const auto reported = fs::last_write_time(run / "report.html", error);
    const auto written = checkpoint::step_directory(run, state.step) / "config.json";
    const auto saved = error ? reported : fs::last_write_time(written, error);
    missing = error || reported < saved;
  }
  return group.all_reduce(std::vector<double>{missing})[0] > 0;
}

/// A run that learned nothing is not a result.
void Trainer::Impl::check_learned() {
  collect_skipped();
  if (state.samples == 0) {
    throw DataError(error_message("data.train", "no sample could be used", quarantine->last_message(), "at least 1"));
  }
  if (state.skipped_steps == state.step) {
    throw Error(error_message("train", "no step could be taken, because no gradient was finite",
                              fmt::format("{} steps", state.step), "weights without NaN, a lower learning rate"));
  }
}

/// What belongs to the end of a run; a run that was stopped or killed here is finished by the next start.
void Trainer::Impl::finish() {
  summary.steps = state.step;
  const bool done = state.step >= total_steps;
  if (done) check_learned();
  save();
  if (done) summary.validation_after = validate();
  // Without the last loss the report is not complete, and the next start makes up for it.
  if (!done || !summary.stopped) write_run_report();
}

TrainSummary Trainer::run() {
  auto& self = *impl_;
  self.summary.total_steps = self.total_steps;
  const bool done = self.state.step >= self.total_steps;
  if (done && !self.report_is_missing()) {
    core::log_info(fmt::format("{}: all {} steps are done; nothing to do", self.run.string(), self.total_steps));
    self.summary.steps = self.state.step;
    return self.summary;
  }
  self.open_logs();
  if (self.state.step > 0) core::log_info(fmt::format("going on from step {}", self.state.step));
  if (self.state.step == 0) self.summary.validation_before = self.validate();
  self.train_steps();
  self.finish();
  return self.summary;
}

torch::Device pick_device(config::Device device, int local_rank) {
  const bool available = torch::cuda::is_available();
  if (device == config::Device::kCuda && !available) {
    throw ConfigError(error_message("device", "no CUDA device can be used", "cuda", "cpu or auto on this machine"));
  }
  if (device == config::Device::kCpu || !available) return torch::kCPU;
  return distributed::use_gpu_of_rank(local_rank);
}

}  // namespace convllava::train
