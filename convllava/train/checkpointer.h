#pragma once

#include <cstdint>

#include "convllava/config/fields.h"
#include "convllava/core/progress.h"
#include "convllava/train/checkpoint_files.h"
#include "convllava/train/observer.h"
#include "convllava/train/skip_guard.h"
#include "convllava/train/step_log.h"
#include "convllava/train/training.h"

namespace convllava::train {

/// When to save, and how much to keep (section `checkpoint`).
struct CheckpointOptions {
  int64_t every_steps = 0;      ///< 0: not by steps
  double every_minutes = 30.0;  ///< 0: not by time
  int64_t keep_last = 2;
  void visit_fields(config::FieldVisitor& visitor);
};

/// Saves checkpoint-<step> of a run: when it is due, after the last step, after a stop signal and, where it can, after
/// an error.
class Checkpointer : public Observer {
 public:
  /// A run that was resumed has the checkpoint of its present step.
  Checkpointer(Training& training, SkipGuard& guard, StepLog& log, const CheckpointOptions& options, ModelWriter model,
               bool resumed);

  /// Whether this rank asks for a checkpoint after step `step`.
  bool is_due(int64_t step) const;
  void after_step(const StepEvent& event) override;
  void finished() override { save(); }

  /// Writes the last entry of the log and, where a step since the last checkpoint changed the parameters, a checkpoint.
  /// Collective.
  void save_learned();
  /// After an error: rank 0 alone writes what all ranks have, because the others may be gone. Logs the reason where it
  /// cannot.
  void save_alone() noexcept;

 private:
  void save();
  void write(const Writer& writer);
  bool has_learned();

  Training& training_;
  SkipGuard& guard_;
  StepLog& log_;
  const CheckpointOptions& options_;
  ModelWriter model_;
  int64_t saved_step_ = -1;
  int64_t learned_at_save_ = 0;
  bool writing_ = false;
  core::Stopwatch since_save_;
};

}  // namespace convllava::train
