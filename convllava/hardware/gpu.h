#pragma once

#include <string_view>

// How GPUs are to compute; cpu.h for CPUs.

namespace convllava::hardware {

/// Makes GPUs multiply fp32 numbers as they are, not in TF32, which keeps ten bits, and add up products of bf16 and
/// fp16 in fp32. LibTorch's own settings differ between matrix products and convolutions. Returns a line for the log.
std::string_view set_gpu_arithmetic();

}  // namespace convllava::hardware
