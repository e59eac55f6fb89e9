#include "convllava/nn/attention.h"

#include <algorithm>

#include "convllava/nn/compute_capability.h"
#include "convllava/nn/libtorch.h"
#include "convllava/nn/upload.h"

namespace convllava::nn {
namespace {

/// [T, heads, D] -> [S, heads, longest, D].
torch::Tensor pad(const torch::Tensor& x, const SequenceLayout& layout, int64_t repeat) {
  const int64_t heads = x.size(1);
  const int64_t rows = layout.sequences() * layout.longest;
  auto padded = x;
  if (x.size(0) != rows) {
    padded = torch::zeros({rows, heads, x.size(2)}, x.options()).index_copy(0, layout.padded_rows, x);
  }
  padded = padded.view({layout.sequences(), layout.longest, heads, x.size(2)}).transpose(1, 2);
  return repeat == 1 ? padded : padded.repeat_interleave(repeat, 1);
}

torch::Tensor padded_attention(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v,
                               const SequenceLayout& layout) {
  const int64_t repeat = q.size(1) / k.size(1);
  const auto out = at::scaled_dot_product_attention(pad(q, layout, 1), pad(k, layout, repeat), pad(v, layout, repeat),
                                                    {}, 0.0, /*is_causal=*/true);
  const auto rows = out.transpose(1, 2).reshape({-1, q.size(1), q.size(2)});
  return rows.size(0) == q.size(0) ? rows : rows.index_select(0, layout.padded_rows);
}

torch::Tensor flash_attention(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v,
                              const SequenceLayout& layout) {
  const auto& lengths = layout.cu_seqlens_device;
  return std::get<0>(at::_flash_attention_forward(q, k, v, lengths, lengths, layout.longest, layout.longest,
                                                  /*dropout_p=*/0.0, /*is_causal=*/true,
                                                  /*return_debug_mask=*/false));
}

}  // namespace

bool fits_flash_kernel(int compute_capability, torch::ScalarType dtype, int64_t head_dim, int64_t sequences) {
  const bool half = dtype == torch::kBFloat16 || dtype == torch::kHalf;
  return compute_capability >= 80 && half && head_dim % 8 == 0 && head_dim <= 256 && sequences > 0;
}

SequenceLayout SequenceLayout::make(std::vector<int64_t> cu_seqlens, const torch::Device& device) {
  SequenceLayout layout;
  layout.cu_seqlens = std::move(cu_seqlens);
  for (int64_t i = 0; i < layout.sequences(); ++i) {
    layout.longest = std::max(layout.longest, layout.cu_seqlens[i + 1] - layout.cu_seqlens[i]);
  }
  std::vector<int64_t> rows;
  rows.reserve(layout.cu_seqlens.back());
  for (int64_t i = 0; i < layout.sequences(); ++i) {
    const int64_t length = layout.cu_seqlens[i + 1] - layout.cu_seqlens[i];
    for (int64_t j = 0; j < length; ++j) rows.push_back(i * layout.longest + j);
  }
  layout.padded_rows = upload<int64_t>(rows, device);
  const std::vector<int32_t> boundaries(layout.cu_seqlens.begin(), layout.cu_seqlens.end());
  layout.cu_seqlens_device = upload<int32_t>(boundaries, device);
  return layout;
}

torch::Tensor causal_attention(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v,
                               const SequenceLayout& layout) {
  const bool flash = fits_flash_kernel(compute_capability(q.device()), q.scalar_type(), q.size(2), layout.sequences());
  return flash ? flash_attention(q, k, v, layout) : padded_attention(q, k, v, layout);
}

}  // namespace convllava::nn
