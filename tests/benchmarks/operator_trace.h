#pragma once

#include <string>

#include "convllava/nn/libtorch.h"

namespace convllava::benchmark {

/// Records what runs on the device, by LibTorch's own profiler (Kineto), and adds it up by kernel.
class OperatorTrace {
 public:
  explicit OperatorTrace(const torch::Device& device);  ///< starts
  /// Ends. A table for people: time, share and number of calls of the kernels (on a CPU: of the operators, without what
  /// they call) that take most, then how long the device was at work and idle, and how many launches and
  /// synchronisations the host made (on a CPU: how many operators compute, and how many numbers the host reads).
  /// `file`: the trace for chrome://tracing or Perfetto; "" writes none.
  std::string finish(const std::string& file);

 private:
  torch::Device device_;
};

}  // namespace convllava::benchmark
