#include "convllava/core/error.h"
#include "convllava/distributed/backends.h"

namespace convllava::distributed {

bool has_nccl() { return false; }

void require_nccl() {
  throw DistributedError("process group", "this build has no NCCL", "a CUDA device",
                         "a build with CONVLLAVA_CUDA=ON, or device: cpu");
}

BackendPtr nccl_backend(const StorePtr&, const LaunchEnvironment&, const torch::Device&) {
  require_nccl();
  return {};
}

}  // namespace convllava::distributed
