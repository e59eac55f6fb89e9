#include "convllava/checkpoint/state_source.h"

#include "convllava/nn/libtorch.h"

namespace convllava::checkpoint {
namespace {

constexpr const char* kSteps = "step";

}  // namespace

void StatePiece::take_from(const torch::Tensor& whole) const {
  auto ordered = torch::empty_strided(shape, strides, whole.options());
  ordered.copy_(whole);
  torch::Tensor(values).copy_(ordered.as_strided({end - begin}, {1}, begin));
}

WholeStates::WholeStates(std::shared_ptr<const TensorSource> tensors) : tensors_(std::move(tensors)) {
  for (const auto& [name, info] : tensors_->tensors()) {
    if (name != kSteps) shapes_[name] = info.shape;
  }
}

int64_t WholeStates::steps() const { return tensors_->tensor(kSteps).item<int64_t>(); }

void WholeStates::read(const StatePiece& piece) const { piece.take_from(tensors_->tensor(piece.name())); }

}  // namespace convllava::checkpoint
