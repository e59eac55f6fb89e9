#pragma once

#include <torch/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "convllava/nn/block.h"

// The trainable parameters of a block as views of one flat tensor, their gradients as views of another: a block costs
// one all-reduce and one optimizer call.

namespace convllava::parallel {

/// A stretch [begin, end) of a flat unit whose parameters share a learning rate and a weight decay.
struct FlatRange {
  std::string module;  ///< vision, projector, llm
  bool decay = false;
  int64_t begin = 0;
  int64_t end = 0;
};

/// One parameter inside a unit.
struct FlatParameter {
  std::string name;
  torch::Tensor tensor;  ///< the model's own leaf, now a view of `FlatUnit::flat`
  int64_t begin = 0;     ///< first element in the unit
};

/// The trainable parameters of one block. Between parameters there may be a few elements of padding, zero in both
/// tensors, so that each starts at an address that suits vector units and tensor cores.
class FlatUnit {
 public:
  /// Moves the parameters into a flat tensor on their device; their values, strides and identity stay. They are ordered
  /// without and then with decay, and by name, so that each FlatRange is contiguous. All have one type
  /// (float32 or bfloat16) and one device.
  explicit FlatUnit(const nn::Block& block);

  const std::string& name() const { return name_; }
  int64_t numel() const { return flat_.numel(); }              ///< with padding
  const torch::Tensor& flat() const { return flat_; }          ///< [n] in the model's type
  const torch::Tensor& gradient() const { return gradient_; }  ///< [n] fp32, accumulated by backward in place
  const std::vector<FlatParameter>& parameters() const { return parameters_; }
  const std::vector<FlatRange>& ranges() const { return ranges_; }  ///< together [0, n)

 private:
  std::string name_;
  torch::Tensor flat_;
  torch::Tensor gradient_;
  std::vector<FlatParameter> parameters_;
  std::vector<FlatRange> ranges_;
};

}  // namespace convllava::parallel
