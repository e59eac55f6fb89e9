#include "convllava/checkpoint/state_source.h"

#include "convllava/nn/libtorch.h"

namespace convllava::checkpoint {
namespace {

constexpr const char* kSteps = "step";

}  // namespace

WholeStates::WholeStates(std::shared_ptr<const TensorSource> tensors) : tensors_(std::move(tensors)) {
  for (const auto& [name, info] : tensors_->tensors()) {
    if (name != kSteps) shapes_[name] = info.shape;
  }
}

int64_t WholeStates::steps() const { return tensors_->tensor(kSteps).item<int64_t>(); }

void WholeStates::read(const StatePiece& piece) const {
  const auto stored = tensors_->tensor(piece.name());
  auto whole = torch::empty_strided(piece.shape, piece.strides, stored.options());
  whole.copy_(stored);
  torch::Tensor(piece.values).copy_(whole.as_strided({piece.end - piece.begin}, {1}, piece.begin));
}

}  // namespace convllava::checkpoint
