#include "convllava/hardware/gpu.h"

#include "convllava/nn/libtorch.h"

namespace convllava::hardware {

std::string_view set_gpu_arithmetic() {
  auto& context = at::globalContext();
  for (const auto operation : {at::Float32Op::MATMUL, at::Float32Op::CONV, at::Float32Op::RNN}) {
    context.setFloat32Precision(at::Float32Backend::CUDA, operation, at::Float32Precision::IEEE);
  }
  context.setAllowBF16ReductionCuBLAS(false);
  context.setAllowFP16ReductionCuBLAS(false);
  return "fp32 products in fp32, not in TF32; bf16 products added up in fp32";
}

}  // namespace convllava::hardware
