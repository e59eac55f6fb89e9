#pragma once

#include <torch/types.h>

#include <vector>

namespace convllava::model {

/// Packed sequences with their images, on the model's device. T tokens of S sequences, V visual tokens, R supervised
/// positions.
struct Batch {
  torch::Tensor input_ids;            ///< [T] int64; values at visual positions are ignored
  torch::Tensor position_ids;         ///< [T] int64
  std::vector<int64_t> cu_seqlens;    ///< [S + 1]
  std::vector<torch::Tensor> pixels;  ///< per shape [n, H, W, 3] uint8
  torch::Tensor visual_rows;          ///< [V] int64, where the visual tokens of `pixels` go
  torch::Tensor target_rows;          ///< [R] int64
  torch::Tensor targets;              ///< [R] int64
};

}  // namespace convllava::model
