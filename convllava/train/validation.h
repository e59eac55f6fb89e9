#pragma once

#include <optional>
#include <vector>

#include "convllava/config/fields.h"
#include "convllava/data/mixture.h"
#include "convllava/distributed/process_group.h"
#include "convllava/model/convllava.h"
#include "convllava/report/report.h"
#include "convllava/train/observer.h"
#include "convllava/train/step_log.h"
#include "convllava/train/training.h"

// Validation loss and sample answers of a run.

namespace convllava::train {

/// When to validate (section `report`).
struct ValidationOptions {
  int64_t validate_every = 0;  ///< steps between validations; 0: only before the first step and after the last
  int64_t samples = 8;         ///< validation images answered in report.html
  void visit_fields(config::FieldVisitor& visitor);
};

/// Mean cross-entropy over the supervised tokens of the selection, shared out over the ranks; nothing when a stop
/// signal came in the middle. Unusable samples are listed in the run's quarantine. Throws DataError when no sample can
/// be used. Collective.
std::optional<double> validation_loss(Training& training, const data::DataSelection& selection,
                                      int64_t micro_batch_size);

/// The model's greedy answers to the first question of `count` samples spread over the selection. Samples that cannot
/// be asked are skipped with a warning.
std::vector<report::SampleAnswer> sample_answers(model::ConvLlavaImpl& model, const data::DataSelection& selection,
                                                 int64_t count);

/// Measures the validation loss of a run: before its first step, at steps between, after its last one. Does nothing
/// without validation data. A stop signal ends a measurement without a result.
class Validator : public Observer {
 public:
  Validator(Training& training, StepLog& log, const ValidationOptions& options, int64_t micro_batch_size)
      : training_(training), log_(log), options_(options), micro_batch_size_(micro_batch_size) {}
  void start() override;
  void after_step(const StepEvent& event) override;
  void finished() override;

 private:
  std::optional<double> validate();
  /// The loss of this step that an earlier start of the run has logged. Rank 0 reads, all ranks know. Collective.
  std::optional<double> logged_loss();

  Training& training_;
  StepLog& log_;
  const ValidationOptions& options_;
  int64_t micro_batch_size_;
};

}  // namespace convllava::train
