#include "convllava/hardware/device_info.h"

#include "convllava/core/progress.h"
#include "convllava/nn/libtorch.h"
#include "tests/catch.h"

namespace convllava::hardware {

TEST_CASE("the peak of a GPU is known by the name that CUDA gives it", "[train]") {
  CHECK(datasheet_bf16_flops("NVIDIA H200") == 989.4e12);
  CHECK(datasheet_bf16_flops("NVIDIA H100 80GB HBM3") == 989.4e12);
  CHECK(datasheet_bf16_flops("NVIDIA H100 PCIe") == 756e12);
  CHECK(datasheet_bf16_flops("NVIDIA A100-SXM4-80GB") == 312e12);
  CHECK(datasheet_bf16_flops("NVIDIA GeForce RTX 4090") == std::nullopt);
}

TEST_CASE("a CPU has no known peak, and the memory of the process", "[train]") {
  CHECK(peak_bf16_flops(torch::kCPU) == std::nullopt);
  const auto ballast = torch::ones({32 << 20});
  CHECK(peak_memory_bytes(torch::kCPU) >= ballast.numel() * 4);
}

}  // namespace convllava::hardware
