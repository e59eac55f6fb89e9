#include "convllava/hardware/gpu_of_rank.h"

#include "convllava/core/error.h"
#include "convllava/nn/libtorch.h"
#include "tests/catch.h"
#include "tests/support/errors.h"

namespace convllava::hardware {

TEST_CASE("a rank takes the GPU of its number, or the only one that it sees", "[distributed]") {
  CHECK(gpu_of_rank(0, 8) == 0);
  CHECK(gpu_of_rank(5, 8) == 5);
  CHECK(gpu_of_rank(5, 1) == 0);
  CHECK(testing::thrown<ConfigError>([] { gpu_of_rank(2, 2); }) ==
        testing::Parts{.field = "device",
                       .kind = "this machine has fewer GPUs than ranks",
                       .got = "local rank 2 and 2 GPUs",
                       .expected = "at most one process for each GPU"});
}

TEST_CASE("without a GPU a rank takes the CPU", "[distributed]") {
  if (torch::cuda::is_available()) SKIP("this machine has a GPU");
  CHECK(use_gpu_of_rank(3) == torch::kCPU);
}

}  // namespace convllava::hardware
