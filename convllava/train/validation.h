#pragma once

#include <optional>
#include <vector>

#include "convllava/distributed/process_group.h"
#include "convllava/model/convllava.h"
#include "convllava/train/datasets.h"
#include "convllava/train/report.h"

// What a run measures beside its training loss.

namespace convllava::train {

/// Mean cross-entropy over the supervised tokens of the selection, shared out over the ranks; nothing when a stop
/// signal came in the middle. What cannot be used is listed in `quarantine`. Throws DataError when no sample can be
/// used. Collective.
std::optional<double> validation_loss(model::ConvLlavaImpl& model, const DataSelection& selection,
                                      int64_t micro_batch_size, distributed::ProcessGroup& group,
                                      Quarantine& quarantine);

/// The model's greedy answers to the first question of `count` samples spread over the selection. Samples that cannot
/// be asked are left out with a warning.
std::vector<SampleAnswer> sample_answers(model::ConvLlavaImpl& model, const DataSelection& selection, int64_t count);

}  // namespace convllava::train
