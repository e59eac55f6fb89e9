#pragma once

#include <torch/types.h>

#include <cstdint>

namespace convllava::parallel {

/// A flat tensor whose memory can be given back and taken again while views of it stay, on any device: the parameters
/// of a block are such views. Operators on a view without memory crash or throw. On a GPU the memory is ordered by the
/// current stream, as everywhere in LibTorch: wait for a collective before freeing what it writes.
class FlatMemory {
 public:
  FlatMemory() = default;
  /// Without memory.
  FlatMemory(int64_t numel, const torch::TensorOptions& options);

  bool defined() const { return tensor_.defined(); }
  bool allocated() const;
  /// [numel]; no tensor of inference mode, whenever it is used.
  const torch::Tensor& tensor() const { return tensor_; }
  /// Of unknown contents. Does nothing where there is memory.
  void allocate();
  void free();

 private:
  torch::Tensor tensor_;
  size_t bytes_ = 0;
};

}  // namespace convllava::parallel
