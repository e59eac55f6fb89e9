#include <ATen/cuda/CUDAContextLight.h>

#include "convllava/train/hardware.h"

namespace convllava::train {

std::string gpu_name(const torch::Device& device) { return at::cuda::getDeviceProperties(device.index())->name; }

}  // namespace convllava::train
