// The trainer's entries in metrics.jsonl, TensorBoard and the progress line.

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "convllava/core/log.h"
#include "convllava/core/process.h"
#include "convllava/hardware/device_info.h"
#include "convllava/nn/libtorch.h"
#include "convllava/optim/schedule.h"
#include "convllava/setup/build_model.h"
#include "convllava/train/trainer_impl.h"

namespace convllava::train {

void Trainer::Impl::begin_log(const GlobalCounts& counts, const StepOutcome& outcome, bool wanted) {
  nn::HostCopies copies(device);
  StepOutcome on_host;
  on_host.loss = copies.start(outcome.loss);
  on_host.gradient_norm = copies.start(outcome.gradient_norm);
  for (const auto& [module, norm] : outcome.module_norms) on_host.module_norms[module] = copies.start(norm);
  auto skipped = skipped_steps.snapshot();
  if (skipped.steps > 0) skipped.counts = copies.start(skipped.counts);
  pending_log.emplace(PendingLog{state.step, wanted, counts, on_host, skipped, std::move(copies)});
}

/// Waits for the device to have done the step, and not for the one that it was given since.
void Trainer::Impl::finish_log() {
  if (!pending_log) return;
  auto entry = *std::exchange(pending_log, std::nullopt);
  entry.copies.wait();
  note_skipped(entry.step, skipped_steps.look(entry.skipped));
  if (entry.wanted || too_many_skipped) log_step(entry.step, entry.counts, entry.outcome);
}

void Trainer::Impl::log_step(int64_t step, const GlobalCounts& counts, const StepOutcome& outcome) {
  const auto sums = group.all_reduce(std::vector<double>{outcome.loss.item<double>(), meter.flops()});
  confirmed_step = step;
  const auto peak = peak_flops ? std::optional(*peak_flops * group.world_size()) : std::nullopt;
  const Speed speed = meter.speed(sums[1], peak);
  meter.restart();
  if (!is_main()) return;
  report::Scalars scalars;
  if (counts.supervised_tokens > 0) scalars.emplace_back("train/loss", sums[0]);
  scalars.emplace_back("train/grad_norm", outcome.gradient_norm.item<double>());
  scalars.emplace_back("train/epoch", static_cast<double>(step) / static_cast<double>(loader->steps_per_epoch()));
  scalars.emplace_back("train/supervised_tokens", counts.supervised_tokens);
  for (const auto& scalar : speed.scalars()) scalars.push_back(scalar);
  scalars.emplace_back("memory/resident_bytes", static_cast<double>(core::resident_bytes()));
  const auto peak_bytes = static_cast<double>(hardware::peak_memory_bytes(device));
  if (device.is_cuda()) scalars.emplace_back("memory/gpu_peak_bytes", peak_bytes);
  const double factor = optim::learning_rate_factor(config.train, step - 1, total_steps);
  double highest_lr = 0;
  for (const auto& [module, norm] : outcome.module_norms) {
    const double lr = config.train.peak(module).lr * factor;
    highest_lr = std::max(highest_lr, lr);
    scalars.emplace_back("train/grad_norm/" + module, norm.item<double>());
    scalars.emplace_back("train/lr/" + module, lr);
  }
  if (counts.cut_samples > 0) scalars.emplace_back("data/cut_samples", counts.cut_samples);
  if (state.bad_samples > 0) scalars.emplace_back("data/bad_samples", static_cast<double>(state.bad_samples));
  if (state.idle_steps > 0) scalars.emplace_back("data/idle_steps", static_cast<double>(state.idle_steps));
  metrics->write(step, scalars);
  const std::string loss = counts.supervised_tokens > 0 ? fmt::format("loss {:.4f}", sums[0]) : "no answers";
  progress->update(step,
                   fmt::format("{} lr {:.2e} norm {:.2f} {} {}", loss, highest_lr, outcome.gradient_norm.item<double>(),
                               speed.text(), core::format_bytes(peak_bytes)));
}

/// After an error: the entry of the last step, which may explain it. Several ranks would have to write it together.
void Trainer::Impl::finish_log_alone() noexcept {
  try {
    if (group.world_size() == 1) finish_log();
  } catch (const std::exception& error) {
    core::log_error(fmt::format("step {}: no entry in metrics.jsonl: {}", state.step, error.what()));
  }
}

}  // namespace convllava::train
