#pragma once

#include <torch/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

// What a run says about the machine it trains on.

namespace convllava::hardware {

/// A GPU without a number is the current one.
torch::Device numbered_device(const torch::Device& device);

/// Dense bf16 matrix products of a GPU, operations a second, from its datasheet; by the name that CUDA reports, such as
/// "NVIDIA H200". Nothing for models that are not listed.
std::optional<double> datasheet_bf16_flops(std::string_view gpu_name);

/// As CUDA reports it; empty in a build without CUDA.
std::string gpu_name(const torch::Device& device);

/// The peak of a device; nothing for a CPU.
std::optional<double> peak_bf16_flops(const torch::Device& device);

/// The most memory, in bytes, that this process has had: allocated on a GPU, resident on a CPU.
int64_t peak_memory_bytes(const torch::Device& device);

}  // namespace convllava::hardware
