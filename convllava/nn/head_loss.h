#pragma once

#include <torch/types.h>

// Language-model head and cross-entropy without keeping logits.

namespace convllava::nn {

/// Sum over rows of cross_entropy(hidden @ weight^T, targets), logits and softmax in fp32, `scale` times.
/// hidden: [R, C] rows that have a target, weight: [V, C], targets: [R] int64 -> scalar fp32.
/// Rows are taken in chunks; each chunk's gradient is formed while its logits exist, so that memory is one chunk of
/// logits instead of three copies of all of them. R = 0 gives 0 with zero gradients. No double backward.
torch::Tensor head_cross_entropy(const torch::Tensor& hidden, const torch::Tensor& weight, const torch::Tensor& targets,
                                 double scale);

}  // namespace convllava::nn
