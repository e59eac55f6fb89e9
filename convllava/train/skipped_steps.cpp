#include "convllava/train/skipped_steps.h"

#include "convllava/nn/libtorch.h"

namespace convllava::train {

void SkippedSteps::add(const torch::Tensor& skipped) {
  const torch::NoGradGuard no_grad;
  if (!counts_.defined()) counts_ = torch::zeros({2}, skipped.options());
  counts_.add_(skipped);
  counts_[1].mul_(skipped);
  ++steps_;
}

SkippedSteps::Count SkippedSteps::look() {
  if (steps_ == 0) return {0, 0, in_row_, false};
  const auto counts = counts_.cpu();
  in_row_ = counts[1].item<int64_t>();
  const Count count{counts[0].item<int64_t>(), steps_, in_row_, in_row_ > most_in_row_};
  counts_[0].zero_();
  steps_ = 0;
  return count;
}

}  // namespace convllava::train
