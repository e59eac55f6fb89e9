#pragma once

// Tensors that a generator of scripts/golden/ stored, and their comparison.

#include <string>
#include <vector>

#include "convllava/checkpoint/safetensors.h"
#include "convllava/nn/libtorch.h"
#include "tests/catch.h"

namespace convllava::testing {

inline checkpoint::SafetensorsFile golden(const std::string& path) {
  return checkpoint::SafetensorsFile(CONVLLAVA_SOURCE_DIR "/tests/golden/" + path);
}

/// Copies "parameter.<name>" of the file into every parameter of the module.
inline void load_parameters(torch::nn::Module& module, const checkpoint::SafetensorsFile& file) {
  const torch::NoGradGuard no_grad;
  for (auto& item : module.named_parameters()) item.value().copy_(file.tensor("parameter." + item.key()));
}

/// The ids of a stored answer, without its end and padding.
inline std::vector<int64_t> ids_of(const torch::Tensor& tensor) {
  const auto ids = tensor.contiguous();
  std::vector<int64_t> values(ids.data_ptr<int64_t>(), ids.data_ptr<int64_t>() + ids.numel());
  while (!values.empty() && (values.back() == 2 || values.back() == 0)) values.pop_back();
  return values;
}

/// Largest difference, relative to the largest magnitude expected: rounding errors of sums scale with their terms, not
/// with a result that happens to be near zero.
inline double relative_difference(const torch::Tensor& actual, const torch::Tensor& expected) {
  REQUIRE(actual.sizes() == expected.sizes());
  const auto difference = (actual.detach().to(torch::kDouble) - expected.to(torch::kDouble)).abs().max();
  return (difference / expected.to(torch::kDouble).abs().max().clamp_min(1e-12)).item<double>();
}

/// Compares the gradient of every parameter with "gradient.<name>".
inline void check_gradients(const torch::nn::Module& module, const checkpoint::SafetensorsFile& file,
                            double tolerance) {
  for (const auto& item : module.named_parameters()) {
    INFO(item.key());
    REQUIRE(item.value().grad().defined());
    CHECK(relative_difference(item.value().grad(), file.tensor("gradient." + item.key())) < tolerance);
  }
}

}  // namespace convllava::testing
