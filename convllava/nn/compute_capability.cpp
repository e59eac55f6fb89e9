#include "convllava/nn/compute_capability.h"

#include <ATen/cuda/CUDAContextLight.h>

namespace convllava::nn {

int compute_capability(const torch::Device& device) {
  if (!device.is_cuda()) return 0;
  const auto* properties = at::cuda::getDeviceProperties(device.index());
  return 10 * properties->major + properties->minor;
}

}  // namespace convllava::nn
