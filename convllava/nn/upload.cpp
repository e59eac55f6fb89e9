#include "convllava/nn/upload.h"

#include <cstring>

#include "convllava/nn/libtorch.h"

namespace convllava::nn {

torch::Tensor upload(const void* data, at::IntArrayRef shape, torch::ScalarType type, const torch::Device& device) {
  const auto host = torch::empty(shape, torch::TensorOptions(type).pinned_memory(device.is_cuda()));
  if (host.numel() > 0) std::memcpy(host.mutable_data_ptr(), data, host.nbytes());
  return device.is_cpu() ? host : host.to(device, type, /*non_blocking=*/true);
}

}  // namespace convllava::nn
