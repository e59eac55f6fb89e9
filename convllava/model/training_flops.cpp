#include "convllava/model/training_flops.h"

#include "convllava/nn/libtorch.h"

namespace convllava::model {
namespace {

constexpr int64_t kAnyBytes = 4;  ///< the work does not depend on the size of a number

}  // namespace

TrainingFlops::TrainingFlops(std::vector<nn::Block> blocks) : blocks_(std::move(blocks)) {
  bool gradients_pass = false;
  for (const auto& block : blocks_) {
    const bool trained = block.trained();
    const int weights = trained ? 3 : gradients_pass ? 2 : 1;
    gradients_pass = gradients_pass || trained;
    passes_.push_back({weights, gradients_pass ? 3 : 1});
  }
}

double TrainingFlops::operator()(const nn::BatchShape& batch) const {
  double flops = 0;
  for (size_t i = 0; i < blocks_.size(); ++i) {
    if (!blocks_[i].cost) continue;
    const auto cost = blocks_[i].cost(batch, kAnyBytes);
    flops += 2.0 * (passes_[i].weights * cost.multiply_adds + passes_[i].attention * cost.attention);
  }
  return flops;
}

}  // namespace convllava::model
