#include <ATen/cuda/CUDAContextLight.h>

#include "convllava/hardware/device_info.h"

namespace convllava::hardware {

std::string gpu_name(const torch::Device& device) { return at::cuda::getDeviceProperties(device.index())->name; }

}  // namespace convllava::hardware
