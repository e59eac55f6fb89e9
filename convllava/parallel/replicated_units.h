#pragma once

#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "convllava/distributed/process_group.h"
#include "convllava/model/convllava.h"

// Data parallelism with a full copy of the model on each rank (level 0 of the plan in docs/architecture.md). The
// trainable parameters of a block become views of one flat tensor, their gradients views of another: a block costs one
// all-reduce and one optimizer call.

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
/// tensors, so that each starts where vector units and tensor cores want it.
class FlatUnit {
 public:
  /// Moves the parameters into a flat tensor on their device; their values, strides and identity stay. They are ordered
  /// by module, then without and with decay, then by name, so that each FlatRange is contiguous. All have one type
  /// (float32 or bfloat16) and one device.
  explicit FlatUnit(const model::ParameterBlock& block);

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

/// All units of a model and the reduction of their gradients.
///
///     ReplicatedUnits units(model, group);
///     units.zero_gradients();
///     for (micro-batch) {
///       if (last) units.begin_reduction();  // from here each unit is reduced as soon as backward has filled it
///       loss.backward();
///     }
///     units.finish_reduction();  // gradients are now the sum over ranks
///
/// Gradients live in the units: clear them with `zero_gradients`, never with the module's `zero_grad`. A collective
/// that fails inside backward comes out of `backward` as DistributedError.
class ReplicatedUnits {
 public:
  /// Units for the parameters of `model` that require a gradient; rank 0's values of these and of the frozen ones go to
  /// all ranks. Throws DistributedError when the ranks do not train the same parameters.
  ReplicatedUnits(const model::ConvLlavaImpl& model, distributed::ProcessGroup group);
  /// The same for any parameters, given in the order in which forward uses them.
  ReplicatedUnits(const std::vector<model::ParameterBlock>& blocks, distributed::ProcessGroup group);
  ~ReplicatedUnits();
  ReplicatedUnits(const ReplicatedUnits&) = delete;
  ReplicatedUnits& operator=(const ReplicatedUnits&) = delete;

  const std::vector<FlatUnit>& units() const;
  void zero_gradients();
  /// The next backward is the last before `finish_reduction`: each parameter gets its gradient at most once.
  void begin_reduction();
  /// Units whose reduction has been started since `begin_reduction`.
  int64_t reductions_started() const;
  /// Also correct when no backward ran since `begin_reduction` (a rank without samples) or when it did not reach some
  /// units (no picture): every rank reduces every unit in the same fixed order.
  void finish_reduction();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace convllava::parallel
