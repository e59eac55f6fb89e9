#include <fmt/format.h>

#include <numeric>
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>

#include "convllava/core/error.h"
#include "convllava/distributed/backends.h"

namespace convllava::distributed {

bool has_nccl() { return true; }

void require_nccl() {
  if (c10::cuda::device_count() == 0) {
    throw DistributedError("process group", "NCCL needs a GPU", "no visible CUDA device",
                           "a CUDA device for each rank, or device: cpu");
  }
}

BackendPtr nccl_backend(const StorePtr& store, const LaunchEnvironment& environment, const torch::Device& device) {
  auto options = c10d::ProcessGroupNCCL::Options::create();
  options->timeout = environment.collective_timeout;
  options->global_ranks_in_group.resize(environment.world_size);
  std::iota(options->global_ranks_in_group.begin(), options->global_ranks_in_group.end(), 0);
  BackendPtr backend =
      c10::make_intrusive<c10d::ProcessGroupNCCL>(store, environment.rank, environment.world_size, options);
  const torch::Device own(torch::kCUDA, device.has_index() ? device.index() : c10::cuda::current_device());
  backend->setBoundDeviceId(own);
  backend->eagerConnectSingleDevice(own);
  return backend;
}

}  // namespace convllava::distributed
