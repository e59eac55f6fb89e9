#pragma once

#include <torch/types.h>

namespace convllava::nn {

/// 10 * major + minor of a GPU: 80 for an A100, 90 for an H100. 0 for a CPU and in a build without CUDA.
int compute_capability(const torch::Device& device);

}  // namespace convllava::nn
