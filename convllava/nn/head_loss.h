#pragma once

#include <torch/types.h>

// Language-model head and cross-entropy without keeping logits.

namespace convllava::nn {

/// Of one chunk of logits in fp32.
inline constexpr int64_t kHeadChunkBytes = int64_t{128} << 20;

/// Sum over rows of cross_entropy(hidden @ weight^T, targets), `scale` times.
/// hidden: [R, C] rows that have a target, weight: [V, C], targets: [R] int64 -> scalar fp32.
/// Rows are taken in chunks; each chunk's gradient is formed while its logits exist, so that memory is one chunk of
/// logits instead of three copies of all of them. R = 0 gives 0 with zero gradients.
/// In bf16, what a matrix product takes and gives is bf16: the logits, their gradient, a chunk's part of the weight's
/// gradient. Softmax and loss are fp32, and so is the sum of the chunks' parts: the weight's gradient is rounded to
/// bf16 only where its leaf takes no fp32 (parallel::FlatUnit's do).
/// The gradients serve one backward pass: a second one (retain_graph) is an error, and there is no double backward.
torch::Tensor head_cross_entropy(const torch::Tensor& hidden, const torch::Tensor& weight, const torch::Tensor& targets,
                                 double scale);

}  // namespace convllava::nn
