#pragma once

#include <torch/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "convllava/nn/block.h"
#include "convllava/parallel/flat_memory.h"
#include "convllava/parallel/shard_options.h"

// The parameters of a block as views of one flat tensor, their gradients as views of another: a block costs one
// collective and one optimizer call, and each rank's part of it is a plain stretch.

namespace convllava::parallel {

/// Elements [begin, end) of a flat tensor whose parameters share a learning rate and a weight decay.
struct FlatRange {
  std::string module;  ///< vision, projector, llm
  bool decay = false;
  int64_t begin = 0;
  int64_t end = 0;
};

/// One parameter inside a unit.
struct FlatParameter {
  std::string name;
  torch::Tensor tensor;  ///< the model's own leaf, now a view of the unit's weights
  int64_t begin = 0;     ///< first element in the unit
};

/// Elements of a unit of these parameters, with padding, where `world` ranks run.
int64_t padded_numel(const std::vector<std::pair<std::string, torch::Tensor>>& parameters, int64_t world);

/// How a unit is divided. The ranks of a run are `ranks` that share a unit, times copies of these.
struct Placement {
  Level level = Level::kNone;
  int64_t rank = 0;   ///< of this one among those that share
  int64_t ranks = 1;  ///< that share; 1 at level none
  int64_t world = 1;  ///< ranks of the run
};

/// The trainable or the frozen parameters of one block. Between parameters and at the end there may be padding, zero in
/// all tensors: each parameter starts at an address that suits vector units and tensor cores, and parts are equal.
class FlatUnit {
 public:
  /// Moves the parameters into a flat tensor; their values, strides and identity stay. They are ordered without and
  /// then with decay, and by name, so that each FlatRange is contiguous. All have one type (float32 or bfloat16) and
  /// one device. Those of the meta device move to `device`, and get their values between `begin_fill` and `end_fill`.
  FlatUnit(const nn::Block& block, const Placement& placement, const torch::Device& device);

  const std::string& name() const { return name_; }
  bool trained() const { return gradient_.defined(); }
  int64_t numel() const { return weights_.tensor().numel(); }  ///< n, with padding; the same at every level
  const std::vector<FlatParameter>& parameters() const { return parameters_; }
  const std::vector<FlatRange>& ranges() const { return ranges_; }  ///< together [0, n)

  FlatMemory& weights() { return weights_; }    ///< [n] in the model's type; held as the level says
  FlatMemory& gradient() { return gradient_; }  ///< [n] fp32, accumulated by backward in place
  const FlatMemory& weights() const { return weights_; }
  const FlatMemory& gradient() const { return gradient_; }
  /// [n / ranks], always held. Views of the above where the level divides them no further.
  const torch::Tensor& own_weights() const { return own_weights_; }
  const torch::Tensor& own_gradient() const { return own_gradient_; }
  int64_t own_begin() const { return own_begin_; }  ///< first element of the own part in the unit
  torch::Tensor own_part(const torch::Tensor& flat) const;

  /// Around a change of all weights: `begin_fill` makes sure that they have memory, `end_fill` keeps what belongs to
  /// this rank.
  void begin_fill();
  void end_fill();
  /// A sum over the bits of the weights, as they are or, where the level divides them, as they were filled: equal for
  /// equal weights, and different for nearly all others.
  double bit_sum() const;

 private:
  void move_in(const nn::Block& block, const Placement& placement, const torch::Device& device);
  void divide(const Placement& placement);

  std::string name_;
  FlatMemory weights_;
  FlatMemory gradient_;
  torch::Tensor own_weights_;
  torch::Tensor own_gradient_;
  int64_t own_begin_ = 0;
  int64_t own_size_ = 0;
  bool weights_divided_ = false;
  double filled_sum_ = 0;
  std::vector<FlatParameter> parameters_;
  std::vector<FlatRange> ranges_;
};

}  // namespace convllava::parallel
