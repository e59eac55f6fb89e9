#include "convllava/train/step_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "convllava/core/log.h"
#include "convllava/core/process.h"
#include "convllava/hardware/device_info.h"
#include "convllava/infer/tensors.h"
#include "convllava/nn/libtorch.h"

namespace convllava::train {

StepLog::StepLog(Training& training, SkipGuard& guard, optim::RateSchedule rates, const LogOptions& options,
                 const report::SinkOptions& sinks)
    : training_(training),
      guard_(guard),
      rates_(rates),
      options_(options),
      sinks_(sinks),
      flops_(training.model->blocks()) {
  const auto dtype = training.model->llm->head_weight().scalar_type();
  if (dtype == torch::kBFloat16) peak_flops_ = hardware::peak_bf16_flops(training.device);
}

void StepLog::start() {
  const auto& state = training_.state;
  if (training_.is_main()) metrics_ = std::make_unique<report::MetricLog>(training_.folder, state.step, sinks_);
  first_step_ = state.step;
  open_progress();
  meter_.restart();
  watch_.restart();
}

void StepLog::open_progress() {
  progress_ = std::make_unique<core::Progress>(training_.folder.filename().string(), training_.total_steps, first_step_,
                                               training_.is_main());
}

void StepLog::after_step(const StepEvent& event) {
  meter_.add_data_wait(event.data_wait);  // before the flush: on a GPU it lies in the time of the pending entry
  flush();
  double step_flops = 0;
  for (const auto& micro : event.batch.micro_batches) step_flops += flops_(infer::shape_of(micro));
  meter_.add(event.counts, step_flops);
  const bool last = event.step == training_.total_steps;
  const bool wanted = last || event.step % options_.log_every == 0;
  if (wanted || guard_.must_look()) begin(event, wanted);
  if (last) flush();
  guard_.require_few();
}

void StepLog::finished() {
  flush();
  guard_.require_few();
  progress_->finish();
}

void StepLog::begin(const StepEvent& event, bool wanted) {
  nn::HostCopies copies(training_.device);
  StepOutcome on_host;
  on_host.loss = copies.start(event.outcome.loss);
  on_host.gradient_norm = copies.start(event.outcome.gradient_norm);
  for (const auto& [module, norm] : event.outcome.module_norms) on_host.module_norms[module] = copies.start(norm);
  auto skipped = guard_.snapshot();
  if (skipped.steps > 0) skipped.counts = copies.start(skipped.counts);
  const auto& state = training_.state;
  pending_.emplace(Pending{event.step, wanted, event.counts, on_host, state.bad_samples, state.idle_steps, skipped,
                           std::move(copies)});
  // A CPU has done the step by now; a GPU has when the copies are there.
  if (wanted && !training_.device.is_cuda()) pending_->meter = meter_.split();
}

/// Waits for the device to have done the pending step, and not for the one that it was given since.
void StepLog::flush() {
  if (!pending_) return;
  auto entry = *std::exchange(pending_, std::nullopt);
  entry.copies.wait();
  guard_.note(entry.step, entry.skipped);
  if (!entry.wanted && !guard_.too_many()) return;
  if (!entry.meter) entry.meter = meter_.split();
  write_entry(entry);
}

void StepLog::aside(const std::function<void()>& work) {
  flush();
  book_time();
  const core::Stopwatch watch;
  try {
    work();
  } catch (...) {
    watch_.restart();
    throw;
  }
  if (training_.state.step == first_step_) open_progress();  // its estimate starts with the first step
  meter_.leave_out(watch.seconds());
  watch_.restart();
}

void StepLog::book_time() {
  training_.state.seconds += watch_.seconds();
  watch_.restart();
}

void StepLog::flush_alone() noexcept {
  book_time();
  try {
    if (training_.group.world_size() == 1) flush();
  } catch (const std::exception& error) {
    core::log_error(fmt::format("step {}: no entry in metrics.jsonl: {}", training_.state.step, error.what()));
  }
}

void StepLog::write_entry(const Pending& entry) {
  const auto& [step, wanted, counts, outcome, bad_samples, idle_steps, skipped, copies, meter] = entry;
  auto& group = training_.group;
  const auto sums = group.all_reduce(std::vector<double>{outcome.loss.item<double>(), meter->flops()});
  training_.confirmed_step = step;
  const auto peak = peak_flops_ ? std::optional(*peak_flops_ * group.world_size()) : std::nullopt;
  const Speed speed = meter->speed(sums[1], peak);
  if (!training_.is_main()) return;
  const double norm = outcome.gradient_norm.item<double>();
  const auto steps_per_epoch = static_cast<double>(training_.loader->steps_per_epoch());
  report::Scalars scalars;
  if (counts.supervised_tokens > 0) scalars.emplace_back("train/loss", sums[0]);
  scalars.emplace_back("train/grad_norm", norm);
  scalars.emplace_back("train/epoch", static_cast<double>(step) / steps_per_epoch);
  scalars.emplace_back("train/supervised_tokens", counts.supervised_tokens);
  for (const auto& scalar : speed.scalars()) scalars.push_back(scalar);
  scalars.emplace_back("memory/resident_bytes", static_cast<double>(core::resident_bytes()));
  const auto peak_bytes = static_cast<double>(hardware::peak_memory_bytes(training_.device));
  if (training_.device.is_cuda()) scalars.emplace_back("memory/gpu_peak_bytes", peak_bytes);
  double highest_lr = 0;
  for (const auto& [module, module_norm] : outcome.module_norms) {
    const double lr = rates_.rates(module, step - 1, training_.total_steps).lr;
    highest_lr = std::max(highest_lr, lr);
    scalars.emplace_back("train/grad_norm/" + module, module_norm.item<double>());
    scalars.emplace_back("train/lr/" + module, lr);
  }
  if (counts.cut_samples > 0) scalars.emplace_back("data/cut_samples", counts.cut_samples);
  if (bad_samples > 0) scalars.emplace_back("data/bad_samples", static_cast<double>(bad_samples));
  if (idle_steps > 0) scalars.emplace_back("data/idle_steps", static_cast<double>(idle_steps));
  metrics_->write(step, scalars);
  const std::string loss = counts.supervised_tokens > 0 ? fmt::format("loss {:.4f}", sums[0]) : "no answers";
  progress_->update(step, fmt::format("{} lr {:.2e} norm {:.2f} {} {}", loss, highest_lr, norm, speed.text(),
                                      core::format_bytes(peak_bytes)));
}

}  // namespace convllava::train
