#include "convllava/train/checkpointer.h"

#include <fmt/format.h>

#include <optional>

#include "convllava/checkpoint/run_folder.h"
#include "convllava/core/error.h"
#include "convllava/core/files.h"
#include "convllava/core/log.h"
#include "convllava/distributed/agreement.h"
#include "convllava/nn/libtorch.h"

namespace convllava::train {

void CheckpointOptions::visit_fields(config::FieldVisitor& visitor) {
  visitor.field("every_steps", every_steps, "Optimizer steps between checkpoints; 0 does not count steps.",
                config::kStepsOrNone);
  visitor.field("every_minutes", every_minutes,
                "Minutes between checkpoints; 0 does not watch the clock. There is always one at the end.", {0, 1e6});
  visitor.field("keep_last", keep_last, "Checkpoints to keep; older ones are deleted.", config::kCount);
}

Checkpointer::Checkpointer(Training& training, SkipGuard& guard, StepLog& log, const CheckpointOptions& options,
                           ModelWriter model, bool resumed)
    : training_(training),
      guard_(guard),
      log_(log),
      options_(options),
      model_(std::move(model)),
      saved_step_(resumed ? training.state.step : -1) {}

bool Checkpointer::is_due(int64_t step) const {
  if (options_.every_steps > 0 && step % options_.every_steps == 0) return true;
  return training_.is_main() && options_.every_minutes > 0 && since_save_.seconds() > 60 * options_.every_minutes;
}

void Checkpointer::after_step(const StepEvent& event) {
  if (training_.is_done() || event.counts.save_requests > 0) save();
}

bool Checkpointer::has_learned() { return guard_.learned() > learned_at_save_ && saved_step_ != training_.state.step; }

void Checkpointer::save_learned() {
  log_.flush();
  if (has_learned()) save();
}

/// The result of a run that learned nothing is not saved: that is an error.
void Checkpointer::save() {
  if (training_.is_done()) guard_.require_learned();
  if (saved_step_ == training_.state.step) return;
  log_.aside([this] {
    const int64_t learned = guard_.learned();
    // When a rank dies its reductions end early everywhere, with garbage: all must have come this far.
    training_.group.barrier();
    if (training_.group.world_size() > 1) training_.engine->require_equal_weights();
    write({training_.group.rank(), training_.group.world_size()});
    training_.group.barrier();
    saved_step_ = training_.confirmed_step = training_.state.step;
    learned_at_save_ = learned;
    since_save_.restart();
  });
}

void Checkpointer::write(const Writer& writer) {
  writing_ = true;
  const auto directory = checkpoint::step_directory(training_.folder, training_.state.step);
  const bool alone = writer.ranks == 1;
  const auto plan = model_.plan(writer.ranks);
  std::optional<core::PendingDirectory> pending;
  if (writer.rank == 0) {
    pending.emplace(directory);
    checkpoint::make_state_directory(pending->path());
    model_.write(pending->path(), plan);
  }
  if (!alone) training_.group.barrier();
  auto checksums = write_own_files(training_, core::PendingDirectory::path_for(directory), plan, writer);
  if (!alone) {
    for (const auto& text : distributed::gather_texts(training_.group, checkpoint::checksums_text(checksums))) {
      checksums.merge(checkpoint::parse_checksums(text, "the checksums of a rank"));
    }
  }
  if (writer.rank == 0) {
    write_checksums(pending->path(), std::move(checksums));
    pending->commit();
    checkpoint::remove_old_checkpoints(training_.folder, options_.keep_last);
    core::log_info("checkpoint " + directory.string());
  }
  writing_ = false;
}

void Checkpointer::save_alone() noexcept {
  log_.flush_alone();
  if (!training_.is_main() || writing_) return;  // what failed was a checkpoint
  const int64_t step = training_.state.step;
  try {
    if (!has_learned()) return;
    if (!training_.optimizer->is_whole()) throw Error("the error came in the middle of the optimizer's step");
    if (training_.group.world_size() > 1 && training_.confirmed_step != step) {
      throw Error("it is not known whether all ranks finished this step");
    }
    if (training_.group.world_size() > 1 && training_.engine->level() != parallel::Level::kNone) {
      throw Error("the other ranks have parts of the optimizer's states");
    }
    write({});
  } catch (const std::exception& error) {
    core::log_error(fmt::format("no checkpoint of step {} could be written: {}", step, error.what()));
  }
}

}  // namespace convllava::train
