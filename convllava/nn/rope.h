#pragma once

#include <torch/types.h>

#include <utility>

// Rotary position embedding in the half-rotation layout of Hugging Face's LLaMA (Su et al., arXiv 2104.09864).

namespace convllava::nn {

/// cos and sin, each [T, head_dim], in fp32, for positions [T]; the second half repeats the first.
std::pair<torch::Tensor, torch::Tensor> rope_tables(const torch::Tensor& positions, int64_t head_dim, double theta);

/// x: [T, heads, head_dim] -> the same shape: x * cos + rotate_half(x) * sin in fp32, returned in x's type. A bf16
/// result is rounded once; transformers rounds cos, sin and every step of it, and so differs in the last bits.
torch::Tensor apply_rope(const torch::Tensor& x, const torch::Tensor& cos, const torch::Tensor& sin);

}  // namespace convllava::nn
