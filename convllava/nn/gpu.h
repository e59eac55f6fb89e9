#pragma once

#include <torch/types.h>

#include <string_view>

// What a GPU is, and how it is to compute.

namespace convllava::nn {

/// 10 * major + minor of a GPU: 80 for an A100, 90 for an H100. 0 for a CPU and in a build without CUDA.
int compute_capability(const torch::Device& device);

/// Makes GPUs multiply fp32 numbers as they are, not in TF32, which keeps ten bits, and add up products of bf16 and
/// fp16 in fp32. LibTorch's own settings differ between matrix products and convolutions. Returns a line for the log.
std::string_view set_gpu_arithmetic();

}  // namespace convllava::nn
