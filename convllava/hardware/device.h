#pragma once

#include <torch/types.h>

// Where and in which type a run computes.

namespace convllava::hardware {

enum class Device { kAuto, kCpu, kCuda };
enum class Dtype { kFp32, kBf16 };

/// The device that a configuration asks for; kAuto takes the rank's GPU where the build and the machine have one.
/// Throws ConfigError for CUDA where there is none.
torch::Device pick_device(Device device, int local_rank);

torch::ScalarType scalar_type(Dtype dtype);

}  // namespace convllava::hardware
