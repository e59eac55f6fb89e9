#pragma once

#include <torch/types.h>

#include <cstdint>

namespace convllava::nn {

/// A copy of host memory as a tensor on `device`. On the way to a GPU it passes through pinned memory, so that the host
/// does not wait for what the device still has to do.
torch::Tensor upload(const void* data, at::IntArrayRef shape, torch::ScalarType type, const torch::Device& device);

/// [n] of the elements' type.
template <class Element>
torch::Tensor upload(at::ArrayRef<Element> values, const torch::Device& device) {
  return upload(values.data(), {static_cast<int64_t>(values.size())}, c10::CppTypeToScalarType<Element>::value, device);
}

}  // namespace convllava::nn
