#include "convllava/train/trainer.h"

#include <fmt/format.h>

#include <algorithm>

#include "convllava/config/yaml.h"
#include "convllava/core/error.h"
#include "convllava/core/log.h"
#include "convllava/core/process.h"
#include "convllava/core/version.h"
#include "convllava/formats/model_directory.h"
#include "convllava/hardware/device_info.h"
#include "convllava/infer/tensors.h"
#include "convllava/nn/libtorch.h"
#include "convllava/optim/schedule.h"
#include "convllava/report/report.h"
#include "convllava/setup/build_model.h"
#include "convllava/train/trainer_impl.h"
#include "convllava/train/validation.h"

namespace convllava::train {
namespace fs = std::filesystem;

optim::Rates Trainer::Impl::rates(const parallel::FlatRange& range) const {
  auto rates = config.train.peak(range.module);
  rates.lr *= optim::learning_rate_factor(config.train, state.step, total_steps);
  if (!range.decay) rates.weight_decay = 0;
  return rates;
}

/// A bad record is met again in every epoch: its share is that of the samples drawn so far, or of the first epoch.
void Trainer::Impl::check_bad_share(const data::StepBatch& batch, const GlobalCounts& counts) {
  quarantine->add(batch.bad);
  state.bad_samples += static_cast<int64_t>(counts.bad_samples);
  const int64_t drawn = std::max(static_cast<int64_t>(data.train.members.size()), state.samples + state.bad_samples);
  if (!too_many_bad(state.bad_samples, drawn, config.data.max_bad_share)) return;
  save_if_good();
  const std::string example = quarantine->last_message().empty() ? "" : ", the last: " + quarantine->last_message();
  const fs::path listed = group.world_size() == 1 ? quarantine->file() : run / "quarantine*.jsonl";
  throw bad_share_error(listed.string(), "too many records or pictures cannot be used",
                        fmt::format("{} of {}{}", state.bad_samples, drawn, example), config.data.max_bad_share);
}

void Trainer::Impl::note_idle_step() {
  state.idle_steps += 1;
  if (!is_main() || state.idle_steps > 1) return;
  core::log_warning(fmt::format(
      "step {}: nothing to learn from: no trainable parameter has a part in the loss of its samples, which are texts "
      "for a frozen language model or have no answer; such steps change nothing and are counted in metrics.jsonl",
      state.step));
}

/// `step`: the newest that is counted.
void Trainer::Impl::note_skipped(int64_t step, const SkippedSteps::Count& count) {
  state.skipped_steps += count.skipped;
  learned_since_save += count.steps - count.skipped;
  if (count.skipped > 0 && is_main()) {
    core::log_warning(fmt::format("step {}: skipped {} of the last {} steps: the gradient was not finite", step,
                                  count.skipped, count.steps));
  }
  if (count.too_many) too_many_skipped = count.in_row;
}

/// Waits for the device.
void Trainer::Impl::collect_skipped() { note_skipped(state.step, skipped_steps.look()); }

void Trainer::Impl::end_after_skipped(int64_t in_row) {
  save_if_good();
  const auto last = checkpoint::latest_checkpoint(run);
  throw Error(error_message("train", fmt::format("{} steps in a row had gradients that are not finite", in_row), "",
                            fmt::format("at most {} (train.max_skipped_steps); to go on{} with a lower learning rate",
                                        config.train.max_skipped_steps, last ? " from " + last->path.string() : "")));
}

/// Nothing without validation data, and after a stop signal.
std::optional<double> Trainer::Impl::validate() {
  if (!data.validation.dataset) return std::nullopt;
  finish_log();
  const core::Stopwatch watch;
  group.barrier();
  confirmed_step = state.step;
  const auto loss = validation_loss(*model, data.validation, config.train.micro_batch_size, group, *quarantine);
  meter.leave_out(watch.seconds());
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

/// Whether the parameters are those after a step that no checkpoint holds yet. Waits for the device.
bool Trainer::Impl::has_good_step() {
  collect_skipped();
  return last_saved != state.step && learned_since_save > 0;
}

/// Before an error that all ranks throw.
void Trainer::Impl::save_if_good() {
  if (has_good_step()) save();
}

void Trainer::Impl::save() {
  if (last_saved == state.step) return;
  finish_log();
  const core::Stopwatch watch;
  collect_skipped();
  // When a rank dies its reductions end early everywhere, with garbage: all must have come this far.
  group.barrier();
  if (is_main()) write_checkpoint();
  group.barrier();
  last_saved = confirmed_step = state.step;
  learned_since_save = 0;
  since_save.restart();
  meter.leave_out(watch.seconds());
}

void Trainer::Impl::write_checkpoint() {
  writing = true;
  core::PendingDirectory pending(checkpoint::step_directory(run, state.step));
  checkpoint::Record record;
  record.written_by = fmt::format("convllava {}", core::version());
  record.prompt_template = config.data.prompt_template;
  record.image = config.image;
  record.max_length = config.data.max_length;
  record.step = state.step;
  record.total_steps = total_steps;
  record.started_from = started_from;
  record.run = {config.output_dir, config.trainable, config.train.lr_per_module};
  record.run_config = config::write_yaml(config::fields_of(config));
  formats::save_model(pending.path(), *model, *tokenizer, record);
  auto saved = state;
  saved.tensors = optimizer->state();
  checkpoint::save_training_state(pending.path(), saved);
  pending.commit();
  checkpoint::remove_old_checkpoints(run, config.checkpoint.keep_last);
  core::log_info("checkpoint " + checkpoint::step_directory(run, state.step).string());
  writing = false;
}

/// After an error: rank 0 alone writes what all ranks have, because the others may be gone. Says why where it cannot.
void Trainer::Impl::save_last_good_step() noexcept {
  finish_log_alone();
  if (!is_main() || writing) return;  // what failed was a checkpoint
  try {
    if (!has_good_step()) return;
    if (!optimizer->is_whole()) throw Error("the error came in the middle of the optimizer's step");
    if (group.world_size() > 1 && confirmed_step != state.step) {
      throw Error("it is not known whether all ranks finished this step");
    }
    write_checkpoint();
  } catch (const std::exception& error) {
    core::log_error(fmt::format("no checkpoint of step {} could be written: {}", state.step, error.what()));
  }
}

void Trainer::Impl::write_run_report() {
  if (!is_main()) return;
  report::ReportContents contents;
  contents.title = run.filename().string();
  int64_t trainable = 0;
  int64_t all = 0;
  for (const auto& parameter : model->parameters()) {
    all += parameter.numel();
    trainable += parameter.requires_grad() ? parameter.numel() : 0;
  }
  contents.facts = {
      {"steps", fmt::format("{} of {}", state.step, total_steps)},
      {"parameters", fmt::format("{} ({} trainable)", all, trainable)},
      {"records", fmt::format("{} training, {} validation", data.train.members.size(), data.validation.members.size())},
      {"samples seen", std::to_string(state.samples)},
      {"tokens seen", std::to_string(state.tokens)},
      {"training time", core::format_duration(state.seconds)},
      {"ranks", std::to_string(group.world_size())},
      {"peak memory of rank 0", core::format_bytes(static_cast<double>(hardware::peak_memory_bytes(device)))}};
  contents.metrics = report::read_metrics(run / "metrics.jsonl");
  for (const auto& fact : report::validation_facts(contents.metrics)) contents.facts.push_back(fact);
  if (data.validation.dataset && !summary.stopped)
    contents.samples = sample_answers(*model, data.validation, config.report.samples);
  contents.config_yaml = config::write_yaml(config::fields_of(config));
  report::write_report(run / "report.html", contents);
}

void Trainer::Impl::after_step(const data::StepBatch& batch, const GlobalCounts& counts, const StepOutcome& outcome) {
  state.step += 1;
  if (group.world_size() == 1) confirmed_step = state.step;
  state.samples += static_cast<int64_t>(counts.samples);
  state.tokens += static_cast<int64_t>(counts.tokens);
  state.answer_tokens += static_cast<int64_t>(counts.supervised_tokens);
  state.cut_samples += static_cast<int64_t>(counts.cut_samples);
  state.cut_tokens += static_cast<int64_t>(counts.cut_tokens);
  finish_log();  // of the step before, while the device works on this one
  double step_flops = 0;
  for (const auto& micro : batch.micro_batches) step_flops += (*flops)(infer::shape_of(micro));
  meter.add(counts, step_flops);
  outcome.learned ? skipped_steps.add(outcome.skipped) : note_idle_step();
  check_bad_share(batch, counts);
  const bool log = state.step % config.report.log_every == 0 || state.step == total_steps;
  if (log || skipped_steps.must_look()) begin_log(counts, outcome, log);
  if (too_many_skipped) end_after_skipped(*too_many_skipped);
}

/// An error is kept for `leave_after_failure`: the other ranks wait for this one's counts.
data::StepBatch Trainer::Impl::next_batch(StepRequests& requests) {
  const core::Stopwatch watch;
  data::StepBatch batch;
  try {
    batch = loader->next();
  } catch (const std::exception&) {
    failure = std::current_exception();
    requests.failed = true;
  }
  meter.add_data_wait(watch.seconds());
  return batch;
}

/// A rank got no batch. All know, and save together before they end.
void Trainer::Impl::leave_after_failure() {
  save_if_good();
  if (failure) std::rethrow_exception(failure);
  group.barrier();  // ends with the reason of the rank that failed
  throw DistributedError(error_message("data", "another rank could not load its batch"));
}

void Trainer::Impl::train_steps() {
  progress = std::make_unique<core::Progress>(run.filename().string(), total_steps, state.step, is_main());
  meter.restart();
  while (state.step < total_steps) {
    const core::Stopwatch watch;
    StepRequests requests{core::stop_signal() != 0, checkpoint_is_due(), false};
    const auto batch = next_batch(requests);
    const auto counts = global_counts(batch, group, requests);
    confirmed_step = state.step;
    if (counts.failures > 0) leave_after_failure();
    if (counts.stop_requests > 0) {
      summary.stopped = true;
      break;
    }
    const auto outcome = train_step(*model, batch, counts, *units, *optimizer, config.train,
                                    [&](const parallel::FlatRange& range) { return rates(range); });
    after_step(batch, counts, outcome);
    state.seconds += watch.seconds();
    const int64_t every = config.report.validate_every;
    if (every > 0 && state.step % every == 0 && state.step < total_steps) validate();
    // The last one comes with the report, in `finish`.
    if (counts.save_requests > 0 && state.step < total_steps) save();
  }
  finish_log();
  if (too_many_skipped) end_after_skipped(*too_many_skipped);
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
  if (state.idle_steps == state.step) {
    throw DataError(
        error_message("data.train", "there was nothing to learn from in any step",
                      fmt::format("{} steps of texts for a frozen language model, or without answers", state.step),
                      "pictures for what is trained, or a part of llm among `trainable`"));
  }
  if (state.skipped_steps + state.idle_steps == state.step) {
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

void Trainer::Impl::tell_results() const {
  if (!is_main()) return;
  if (state.cut_samples > 0) {
    core::log_warning(fmt::format("{} samples lost {} of {} answer tokens, which data.max_length {} cut off",
                                  state.cut_samples, state.cut_tokens, state.cut_tokens + state.answer_tokens,
                                  config.data.max_length));
  }
  if (state.idle_steps > 0) {
    core::log_warning(fmt::format("{} of {} steps had nothing to learn from", state.idle_steps, state.step));
  }
  const auto report = run / "report.html";
  core::log_info(fmt::format("{}step {} of {}; checkpoint {}{}", summary.stopped ? "stopped: " : "", state.step,
                             total_steps, checkpoint::step_directory(run, state.step).string(),
                             fs::exists(report) ? ", report " + report.string() : ""));
}

TrainSummary Trainer::run() {
  auto& self = *impl_;
  self.summary.total_steps = self.total_steps;
  const bool done = self.state.step >= self.total_steps;
  if (done && !self.report_is_missing()) {
    core::log_info(fmt::format("{}: {}; nothing to do", self.run.string(),
                               self.state.step == self.total_steps
                                   ? fmt::format("all {} steps are done", self.total_steps)
                                   : fmt::format("the checkpoint is at step {}, and train.max_steps and train.epochs "
                                                 "end this configuration at step {}",
                                                 self.state.step, self.total_steps)));
    self.summary.steps = self.state.step;
    return self.summary;
  }
  self.open_logs();
  if (self.state.step > 0) core::log_info(fmt::format("going on from step {}", self.state.step));
  try {
    if (self.state.step == 0) self.summary.validation_before = self.validate();
    self.train_steps();
    self.finish();
  } catch (...) {
    self.save_last_good_step();
    throw;
  }
  self.tell_results();
  return self.summary;
}

}  // namespace convllava::train
