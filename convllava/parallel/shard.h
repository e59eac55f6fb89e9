#pragma once

#include <torch/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "convllava/parallel/flat_unit.h"

namespace convllava::parallel {

/// Elements of a parameter, in the order in which it lies in memory: 0 is its first.
struct ShardPiece {
  std::string parameter;
  std::vector<int64_t> sizes;  ///< of the whole parameter
  std::vector<int64_t> strides;
  int64_t begin = 0;  ///< first element of the parameter
  int64_t end = 0;
  int64_t place = 0;  ///< where that element is in the shard
};

/// A rank's part of a trainable unit: all of it at level `none`. [n]; the tensors are the engine's own.
struct Shard {
  std::string unit;
  torch::Tensor weights;           ///< in the model's type
  torch::Tensor gradient;          ///< fp32
  std::vector<FlatRange> ranges;   ///< of the shard; together [0, n)
  std::vector<ShardPiece> pieces;  ///< of each parameter of the unit, empty ones included
};

Shard shard_of(const FlatUnit& unit);

}  // namespace convllava::parallel
