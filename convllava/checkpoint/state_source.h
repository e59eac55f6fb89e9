#pragma once

#include <torch/types.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "convllava/checkpoint/tensor_source.h"

// The optimizer's states of a run, cut into pieces: each rank has some, and any number of ranks reads them.

namespace convllava::checkpoint {

/// Of a checkpoint's directory: what resuming needs beside the weights.
inline constexpr const char* kStateDirectory = "state";

/// Elements [begin, end) of one state of one parameter. Elements are counted in the order in which the parameter lies
/// in memory, which its strides give.
struct StatePiece {
  std::string parameter;
  std::string state;  ///< "exp_avg", "master", ...
  std::vector<int64_t> shape;
  std::vector<int64_t> strides;
  int64_t begin = 0;
  int64_t end = 0;
  torch::Tensor values;  ///< [end - begin] fp32

  std::string name() const { return parameter + "." + state; }  ///< "llm.model.norm.weight.exp_avg"
  /// Writes `values` from the whole state, which may lie in any order in memory.
  void take_from(const torch::Tensor& whole) const;
};

/// The states of a checkpoint, whatever its format.
class StateSource {
 public:
  virtual ~StateSource() = default;
  /// Shapes of the parameters by the names of their states (`StatePiece::name`).
  virtual const std::map<std::string, std::vector<int64_t>>& shapes() const = 0;
  /// Steps that the optimizer has taken.
  virtual int64_t steps() const = 0;
  /// Writes the values of a piece. Throws CheckpointError.
  virtual void read(const StatePiece& piece) const = 0;
};

/// States that were saved whole, by name: the formats before 3 (training_state.h), which name the steps "step".
/// Not thread-safe.
class WholeStates : public StateSource {
 public:
  explicit WholeStates(std::shared_ptr<const TensorSource> tensors);
  const std::map<std::string, std::vector<int64_t>>& shapes() const override { return shapes_; }
  int64_t steps() const override;
  void read(const StatePiece& piece) const override;

 private:
  std::shared_ptr<const TensorSource> tensors_;
  std::map<std::string, std::vector<int64_t>> shapes_;
};

}  // namespace convllava::checkpoint
