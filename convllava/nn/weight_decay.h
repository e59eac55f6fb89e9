#pragma once

#include <torch/types.h>

namespace convllava::nn {

/// Which parameters have weight decay: matrices and kernels. Biases, norms and layer scales have none: everything of
/// less than two dimensions.
inline bool decays(const torch::Tensor& parameter) { return parameter.dim() > 1; }

}  // namespace convllava::nn
