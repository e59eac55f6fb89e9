#include "convllava/optim/clip.h"

#include "convllava/nn/libtorch.h"

namespace convllava::optim {

void ClipOptions::visit_fields(config::FieldVisitor& visitor) {
  visitor.field(
      "max_grad_norm", max_grad_norm,
      "Longer gradients are scaled down to this norm, taken over all trainable parameters; 0 leaves them alone.",
      {0, 1e6});
}

std::optional<torch::Tensor> clip_divisor(const torch::Tensor& gradient_norm, const ClipOptions& options) {
  if (options.max_grad_norm <= 0) return std::nullopt;
  return ((gradient_norm + 1e-6) / options.max_grad_norm).clamp_min(1.0);
}

}  // namespace convllava::optim
