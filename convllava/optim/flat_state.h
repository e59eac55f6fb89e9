#pragma once

#include <deque>
#include <map>
#include <string>
#include <vector>

#include "convllava/checkpoint/safetensors.h"
#include "convllava/parallel/flat_unit.h"

namespace convllava::optim {

/// The optimizer's state of a checkpoint of format 1, by the names of the parameters.
///
/// Format 1 has "<block>.exp_avg", ".exp_avg_sq" and ".master" (bf16 only), flat and fp32: the trainable parameters of
/// a block in the order of decay (those without it first) and name, each in its own memory order and from a
/// multiple of 64 elements on. This layout stays, whatever that of the units becomes. Not thread-safe.
class FlatState : public checkpoint::TensorSource {
 public:
  /// Throws CheckpointError when the flat tensors do not have the sizes that the parameters of `units` give.
  FlatState(checkpoint::SafetensorsFile file, const std::deque<parallel::FlatUnit>& units);
  const std::map<std::string, checkpoint::TensorInfo>& tensors() const override { return infos_; }
  torch::Tensor tensor(const std::string& name) const override;

 private:
  struct Place {
    std::string flat;  ///< the tensor of the file; the others say where in it
    std::vector<int64_t> sizes;
    std::vector<int64_t> strides;
    int64_t begin = 0;
  };
  checkpoint::SafetensorsFile file_;
  std::map<std::string, checkpoint::TensorInfo> infos_;
  std::map<std::string, Place> places_;
  mutable std::string last_name_;  ///< read only once for all parameters of a block that are asked for in turn
  mutable torch::Tensor last_;
};

}  // namespace convllava::optim
