#include "convllava/nn/host_copies.h"

#include <ATen/DeviceAccelerator.h>

#include "convllava/nn/libtorch.h"

namespace convllava::nn {

torch::Tensor HostCopies::start(const torch::Tensor& tensor) {
  if (device_.is_cpu()) return tensor.detach().clone();
  const auto host = torch::empty(tensor.sizes(), tensor.options().device(torch::kCPU).pinned_memory(true));
  host.copy_(tensor.detach(), /*non_blocking=*/true);
  if (!done_) done_.emplace(device_.type());
  done_->record(at::accelerator::getCurrentStream(device_.index()));
  return host;
}

void HostCopies::wait() {
  if (done_) done_->synchronize();
}

}  // namespace convllava::nn
