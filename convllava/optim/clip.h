#pragma once

#include <torch/types.h>

#include <optional>

#include "convllava/config/fields.h"

namespace convllava::optim {

/// Clipping by the global norm (section `train`).
struct ClipOptions {
  double max_grad_norm = 1.0;  ///< 0 switches clipping off
  void visit_fields(config::FieldVisitor& visitor);
};

/// What gradients of this norm ([] fp32) are divided by so that it is at most `max_grad_norm`; at least 1. Nothing
/// where clipping is off: the optimizer then leaves the gradients as they are.
std::optional<torch::Tensor> clip_divisor(const torch::Tensor& gradient_norm, const ClipOptions& options);

}  // namespace convllava::optim
