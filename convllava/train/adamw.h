#pragma once

#include <torch/types.h>

#include <functional>
#include <optional>
#include <vector>

#include "convllava/checkpoint/safetensors.h"
#include "convllava/parallel/replicated_units.h"

// AdamW (Loshchilov and Hutter, arXiv 1711.05101) on flat units: one fused kernel per stretch of equal
// hyper-parameters.

namespace convllava::train {

struct AdamWOptions {
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
};

/// Learning rate and weight decay of a stretch.
struct Rates {
  double lr = 0;
  double weight_decay = 0;
};

/// Parameters in bf16 are updated through fp32 master weights; fp32 parameters are their own.
class AdamW {
 public:
  /// `units` must outlive the optimizer and keep their place in memory.
  AdamW(const std::vector<parallel::FlatUnit>& units, const AdamWOptions& options);

  /// One step with the units' gradients. `rates` gives each stretch its numbers. The gradients are divided by `divisor`
  /// ([] fp32; gradient clipping) and written back, where there is one. Nothing at all happens where `skip` is 1
  /// ([] fp32). Both stay on the device.
  void step(const std::function<Rates(const parallel::FlatRange&)>& rates, const std::optional<torch::Tensor>& divisor,
            const torch::Tensor& skip);

  /// False once a step has ended in its middle: the parameters are then of two steps.
  bool is_whole() const { return whole_; }

  /// For each parameter "<name>.exp_avg", "<name>.exp_avg_sq" and, in bf16, "<name>.master", all of its shape and fp32,
  /// and "step" [] fp32. Views: they change with the optimizer, and writing to them changes it.
  checkpoint::NamedTensors state() const;
  /// Throws CheckpointError when names or shapes differ; nothing is changed then.
  void load_state(const checkpoint::TensorSource& state);

 private:
  struct UnitState {
    const parallel::FlatUnit* unit;
    torch::Tensor master;      ///< fp32; the unit itself when that is fp32
    torch::Tensor exp_avg;     ///< fp32
    torch::Tensor exp_avg_sq;  ///< fp32
  };
  AdamWOptions options_;
  std::vector<UnitState> states_;
  torch::Tensor step_;  ///< fp32, steps taken
  bool whole_ = true;
};

}  // namespace convllava::train
