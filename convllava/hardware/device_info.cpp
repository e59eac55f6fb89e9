#include "convllava/hardware/device_info.h"

#include <ATen/DeviceAccelerator.h>

#include "convllava/core/progress.h"
#include "convllava/nn/libtorch.h"

namespace convllava::hardware {

torch::Device numbered_device(const torch::Device& device) {
  if (!device.is_cuda() || device.has_index()) return device;
  return torch::Device(torch::kCUDA, at::accelerator::getDeviceIndex());
}

std::optional<double> datasheet_bf16_flops(std::string_view gpu_name) {
  // The first that the name contains is used.
  constexpr std::pair<std::string_view, double> kPeaks[] = {
      {"H100 PCIe", 756e12}, {"H100 NVL", 835e12}, {"H100", 989.4e12}, {"H200 NVL", 835e12}, {"H200", 989.4e12},
      {"H800 PCIe", 756e12}, {"H800", 989.4e12},   {"A100", 312e12},   {"A800", 312e12},
  };
  for (const auto& [name, peak] : kPeaks) {
    if (gpu_name.find(name) != std::string_view::npos) return peak;
  }
  return std::nullopt;
}

std::optional<double> peak_bf16_flops(const torch::Device& device) {
  return device.is_cuda() ? datasheet_bf16_flops(gpu_name(device)) : std::nullopt;
}

int64_t peak_memory_bytes(const torch::Device& device) {
  if (device.is_cuda()) return at::accelerator::getDeviceStats(device.index()).allocated_bytes[0].peak;
  return core::peak_resident_bytes();
}

}  // namespace convllava::hardware
