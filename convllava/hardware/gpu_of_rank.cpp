#include "convllava/hardware/gpu_of_rank.h"

#include <ATen/DeviceAccelerator.h>
#include <fmt/format.h>
#include <torch/cuda.h>

#include "convllava/core/error.h"

namespace convllava::hardware {

int gpu_of_rank(int local_rank, int gpus) {
  if (gpus == 1) return 0;
  if (local_rank < gpus) return local_rank;
  throw ConfigError({"", "device"}, "this machine has fewer GPUs than ranks",
                    fmt::format("local rank {} and {} GPUs", local_rank, gpus), "at most one process for each GPU");
}

torch::Device use_gpu_of_rank(int local_rank) {
  if (!torch::cuda::is_available()) return torch::kCPU;
  const int gpu = gpu_of_rank(local_rank, static_cast<int>(torch::cuda::device_count()));
  const auto index = static_cast<c10::DeviceIndex>(gpu);
  at::accelerator::setDeviceIndex(index);
  return torch::Device(torch::kCUDA, index);
}

}  // namespace convllava::hardware
