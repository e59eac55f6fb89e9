#pragma once

#include <torch/types.h>

#include <string>
#include <utility>
#include <vector>

namespace convllava::nn {

/// One transformer block, ConvNeXt block, down-sampling layer, ...: the grain at which gradients are reduced and states
/// are sharded.
struct Block {
  std::string name;    ///< "llm.model.layers.3": what the names of its parameters begin with
  std::string module;  ///< vision, projector, llm: the part of the model that it belongs to
  std::vector<std::pair<std::string, torch::Tensor>> parameters = {};
  bool used_once = false;  ///< a forward pass uses each parameter once: its gradient comes whole
};

/// No weight decay for biases, norms and layer scales: everything of less than two dimensions.
inline bool decays(const torch::Tensor& parameter) { return parameter.dim() > 1; }

}  // namespace convllava::nn
