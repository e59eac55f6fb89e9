#pragma once

#include <torch/types.h>

#include <vector>

// Causal attention over sequences that are laid end to end.

namespace convllava::nn {

/// Where the sequences of a packed batch begin and end, in the forms that the kernels take. Made once a batch.
struct SequenceLayout {
  std::vector<int64_t> cu_seqlens;  ///< [S + 1] on the host
  int64_t longest = 0;
  torch::Tensor cu_seqlens_device;  ///< [S + 1] int32 on the device of the batch
  torch::Tensor padded_rows;        ///< [T]: row of each token in a [S * longest] padding of the batch

  static SequenceLayout make(std::vector<int64_t> cu_seqlens, const torch::Device& device);
  int64_t sequences() const { return static_cast<int64_t>(cu_seqlens.size()) - 1; }
};

/// Each token attends to itself and to what precedes it in its own sequence; scale 1/sqrt(D).
/// q: [T, heads, D], k and v: [T, kv_heads, D] with heads a multiple of kv_heads -> [T, heads, D].
/// Where `fits_flash_kernel`, the variable-length flash kernel runs; elsewhere the sequences are padded on the right,
/// where causality hides the padding, and one `scaled_dot_product_attention` does the same maths.
torch::Tensor causal_attention(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v,
                               const SequenceLayout& layout);

/// What the flash kernel is made for: bf16 or fp16 on a GPU of Ampere or newer (`compute_capability`, gpu.h, of at
/// least 80), heads of a multiple of 8 and at most 256 wide, at least one sequence.
bool fits_flash_kernel(int compute_capability, torch::ScalarType dtype, int64_t head_dim, int64_t sequences);

}  // namespace convllava::nn
