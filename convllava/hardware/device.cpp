#include "convllava/hardware/device.h"

#include "convllava/core/error.h"
#include "convllava/hardware/gpu_of_rank.h"
#include "convllava/nn/libtorch.h"

namespace convllava::hardware {

torch::Device pick_device(Device device, int local_rank) {
  const bool available = torch::cuda::is_available();
  if (device == Device::kCuda && !available) {
    throw ConfigError({"", "device"}, "no usable CUDA device", "cuda", "cpu or auto on this machine");
  }
  if (device == Device::kCpu || !available) return torch::kCPU;
  return use_gpu_of_rank(local_rank);
}

torch::ScalarType scalar_type(Dtype dtype) { return dtype == Dtype::kBf16 ? torch::kBFloat16 : torch::kFloat; }

}  // namespace convllava::hardware
