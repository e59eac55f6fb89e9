#include "convllava/train/skipped_steps.h"

#include <utility>

#include "convllava/nn/libtorch.h"

namespace convllava::train {

void SkipOptions::visit_fields(config::FieldVisitor& visitor) {
  visitor.field("max_skipped_steps", max_skipped_steps,
                "Steps in a row that may be skipped because loss or gradient was not finite; one more stops the run.",
                config::kStepsOrNone);
}

void SkippedSteps::add(const torch::Tensor& skipped) {
  const torch::NoGradGuard no_grad;
  if (!counts_.defined()) counts_ = torch::zeros({2}, skipped.options());
  counts_.add_(skipped);
  counts_[1].mul_(skipped);
  ++steps_;
}

SkippedSteps::Count SkippedSteps::look(const Snapshot& snapshot) {
  if (snapshot.steps == looked_at_) return {0, 0, in_row_, false};
  const auto counts = snapshot.counts.cpu();
  in_row_ = counts[1].item<int64_t>();
  const int64_t skipped = counts[0].item<int64_t>();
  const Count count{skipped - std::exchange(skipped_, skipped), snapshot.steps - looked_at_, in_row_,
                    in_row_ > most_in_row_};
  looked_at_ = snapshot.steps;
  return count;
}

}  // namespace convllava::train
