#pragma once

#include <optional>
#include <vector>

#include "convllava/config/fields.h"
#include "convllava/data/mixture.h"
#include "convllava/distributed/process_group.h"
#include "convllava/model/convllava.h"
#include "convllava/report/report.h"
#include "convllava/train/quarantine.h"

// What a run measures beside its training loss.

namespace convllava::train {

/// When to validate (section `report`).
struct ValidationOptions {
  int64_t validate_every = 0;  ///< steps between validations; 0: only before the first step and after the last
  int64_t samples = 8;         ///< validation pictures answered in report.html
  void visit_fields(config::FieldVisitor& visitor);
};

/// Mean cross-entropy over the supervised tokens of the selection, shared out over the ranks; nothing when a stop
/// signal came in the middle. What cannot be used is listed in `quarantine`. Throws DataError when no sample can be
/// used. Collective.
std::optional<double> validation_loss(model::ConvLlavaImpl& model, const data::DataSelection& selection,
                                      int64_t micro_batch_size, distributed::ProcessGroup& group,
                                      Quarantine& quarantine);

/// The model's greedy answers to the first question of `count` samples spread over the selection. Samples that cannot
/// be asked are left out with a warning.
std::vector<report::SampleAnswer> sample_answers(model::ConvLlavaImpl& model, const data::DataSelection& selection,
                                                 int64_t count);

}  // namespace convllava::train
