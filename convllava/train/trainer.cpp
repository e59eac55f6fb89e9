#include "convllava/train/trainer.h"

#include "convllava/core/error.h"
#include "convllava/core/progress.h"
#include "convllava/core/stop_signal.h"
#include "convllava/nn/libtorch.h"

namespace convllava::train {

Trainer::Trainer(Training& training, optim::RateSchedule rates, const optim::ClipOptions& clip,
                 std::vector<Observer*> observers, Checkpointer& checkpointer)
    : training_(training), rates_(rates), clip_(clip), observers_(std::move(observers)), checkpointer_(checkpointer) {}

void Trainer::run() {
  try {
    run_together();
  } catch (...) {
    checkpointer_.save_alone();
    throw;
  }
}

void Trainer::run_together() {
  try {
    for (auto* observer : observers_) observer->start();
    while (!training_.is_done() && step()) {
    }
    for (auto* observer : observers_) observer->finished();
  } catch (const AgreedFailure& failure) {
    checkpointer_.save_learned();
    std::rethrow_exception(failure.error());
  }
}

/// False after a stop signal.
bool Trainer::step() {
  auto& state = training_.state;
  StepRequests requests{core::stop_signal() != 0, checkpointer_.is_due(state.step + 1), false};
  const core::Stopwatch wait;
  const auto batch = next_batch(requests);
  const double data_wait = wait.seconds();
  const auto micro_batches = static_cast<size_t>(training_.loader->micro_batches_per_step());
  const auto counts = global_counts(batch, training_.group, requests, micro_batches);
  training_.confirmed_step = state.step;
  if (counts.failures > 0) leave_after_failure();
  if (counts.stop_requests > 0) {
    training_.summary.stopped = true;
    return false;
  }
  const auto outcome = train_step(*training_.model, batch, counts, *training_.engine, *training_.optimizer, clip_,
                                  [&](const parallel::FlatRange& range) {
                                    auto rates = rates_.rates(range.module, state.step, training_.total_steps);
                                    if (!range.decay) rates.weight_decay = 0;
                                    return rates;
                                  });
  count(counts);
  const StepEvent event{state.step, batch, counts, outcome, data_wait};
  for (auto* observer : observers_) observer->after_step(event);
  return true;
}

/// An error is kept for `leave_after_failure`: the other ranks wait for this one's counts.
data::StepBatch Trainer::next_batch(StepRequests& requests) {
  data::StepBatch batch;
  try {
    batch = training_.loader->next();
  } catch (const std::exception&) {
    failure_ = std::current_exception();
    requests.failed = true;
  }
  return batch;
}

void Trainer::count(const GlobalCounts& counts) {
  auto& state = training_.state;
  state.step += 1;
  if (training_.group.world_size() == 1) training_.confirmed_step = state.step;
  state.samples += static_cast<int64_t>(counts.samples);
  state.bad_samples += static_cast<int64_t>(counts.bad_samples);
  state.tokens += static_cast<int64_t>(counts.tokens);
  state.answer_tokens += static_cast<int64_t>(counts.supervised_tokens);
  state.cut_samples += static_cast<int64_t>(counts.cut_samples);
  state.cut_tokens += static_cast<int64_t>(counts.cut_tokens);
}

/// A rank has no batch. All ranks know it, and save together before they end.
void Trainer::leave_after_failure() {
  throw AgreedFailure{[this] {
    if (failure_) return failure_;
    training_.group.barrier();  // ends with the reason of the rank that failed
    return std::make_exception_ptr(DistributedError("data", "another rank could not load its batch"));
  }};
}

}  // namespace convllava::train
