#include "convllava/hardware/gpu.h"

#include "convllava/nn/compute_capability.h"
#include "convllava/nn/libtorch.h"
#include "tests/catch.h"

using namespace convllava;

TEST_CASE("fp32 products and sums of bf16 products are made in fp32 on a GPU, and the log says so", "[nn]") {
  const auto line = hardware::set_gpu_arithmetic();
  CHECK(line == "fp32 products in fp32, not in TF32; bf16 products added up in fp32");
  const auto& context = at::globalContext();
  for (const auto operation : {at::Float32Op::MATMUL, at::Float32Op::CONV, at::Float32Op::RNN}) {
    CHECK(context.float32Precision(at::Float32Backend::CUDA, operation) == at::Float32Precision::IEEE);
  }
  // What cuBLAS and cuDNN ask before a product.
  CHECK_FALSE(context.allowTF32CuBLAS());
  CHECK_FALSE(context.allowTF32CuDNN(at::Float32Op::CONV));
  constexpr auto kInFp32 = at::CuBLASReductionOption::DisallowReducedPrecisionAllowSplitK;
  CHECK(context.allowBF16ReductionCuBLAS() == kInFp32);
  CHECK(context.allowFP16ReductionCuBLAS() == kInFp32);
}

TEST_CASE("a CPU has no compute capability", "[nn]") { CHECK(nn::compute_capability(torch::kCPU) == 0); }
