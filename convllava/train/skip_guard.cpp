#include "convllava/train/skip_guard.h"

#include <fmt/format.h>

#include "convllava/checkpoint/run_folder.h"
#include "convllava/core/error.h"
#include "convllava/core/log.h"
#include "convllava/nn/libtorch.h"

namespace convllava::train {

SkipGuard::SkipGuard(Training& training, const SkipOptions& options)
    : training_(training), options_(options), steps_(options.max_skipped_steps) {}

void SkipGuard::after_step(const StepEvent& event) {
  event.outcome.learned ? steps_.add(event.outcome.skipped) : note_idle();
}

void SkipGuard::note_idle() {
  auto& state = training_.state;
  state.idle_steps += 1;
  if (!training_.is_main() || state.idle_steps > 1) return;
  core::log_warning(
      fmt::format("step {}: no trainable parameter takes part in the loss of its samples: they are texts for a frozen "
                  "language model, or have no answer; such steps change nothing and are counted in metrics.jsonl",
                  state.step));
}

void SkipGuard::note(int64_t step, const SkippedSteps::Snapshot& snapshot) {
  const auto count = steps_.look(snapshot);
  training_.state.skipped_steps += count.skipped;
  learned_ += count.steps - count.skipped;
  if (count.skipped > 0 && training_.is_main()) {
    core::log_warning(fmt::format("step {}: skipped {} of the last {} steps: the gradient was not finite", step,
                                  count.skipped, count.steps));
  }
  if (count.too_many && !too_many_in_row_) too_many_in_row_ = count.in_row;
}

int64_t SkipGuard::learned() {
  note(training_.state.step, steps_.snapshot());
  return learned_;
}

void SkipGuard::require_few() const {
  if (!too_many_in_row_) return;
  throw AgreedFailure{[this] {
    const auto last = checkpoint::latest_checkpoint(training_.folder);
    const std::string from = last ? " from " + last->path.string() : "";
    return std::make_exception_ptr(Error(
        {"", "train.max_skipped_steps"},
        fmt::format("too many steps in a row had non-finite gradients. Resume{} with a lower learning rate", from),
        fmt::format("{} steps", *too_many_in_row_), fmt::format("at most {}", options_.max_skipped_steps)));
  }};
}

void SkipGuard::require_learned() {
  learned();
  const auto& state = training_.state;
  if (state.samples == 0) {
    throw DataError("data.train", "no sample could be used", training_.quarantine->last_message(), "at least 1");
  }
  if (state.idle_steps == state.step) {
    throw DataError("data.train", "there was nothing to learn from in any step",
                    fmt::format("{} steps of texts for a frozen language model, or without answers", state.step),
                    "images for what is trained, or a part of llm among `trainable`");
  }
  if (state.skipped_steps + state.idle_steps == state.step) {
    throw Error("", "no step changed the weights, because no gradient was finite", fmt::format("{} steps", state.step),
                "weights without NaN, a lower learning rate");
  }
}

}  // namespace convllava::train
