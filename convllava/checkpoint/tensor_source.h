#pragma once

#include <torch/types.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace convllava::checkpoint {

struct TensorInfo {
  std::string dtype;  ///< "F32", "BF16", ...
  std::vector<int64_t> shape;
  int64_t bytes = 0;
};

/// Tensors by name, each of which is read when it is asked for: the weights of a model or the state of an optimizer,
/// wherever and however they are stored. Names are those of the model's parameters, as in Hugging Face's files.
class TensorSource {
 public:
  virtual ~TensorSource() = default;
  virtual const std::map<std::string, TensorInfo>& tensors() const = 0;
  /// In its own memory. Throws CheckpointError for an unknown or unreadable tensor.
  virtual torch::Tensor tensor(const std::string& name) const = 0;
};

}  // namespace convllava::checkpoint
