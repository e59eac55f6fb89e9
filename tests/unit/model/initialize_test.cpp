#include <cmath>

#include "convllava/model/connector.h"
#include "convllava/model/convllava.h"
#include "convllava/nn/init.h"
#include "tests/catch.h"
#include "tests/support/golden.h"
#include "tests/support/tiny_model.h"

using namespace convllava;

namespace {

/// The model of scripts/golden/initialize.py.
model::ModelConfig small() {
  model::ModelConfig config;
  config.vision = testing::convnext({1, 1}, {8, 12});
  config.llm = testing::tiny_llama();
  return config;
}

model::ConvLlava fresh(torch::ScalarType dtype) {
  torch::manual_seed(3);
  model::ConvLlava model(small(), torch::TensorOptions().dtype(dtype));
  nn::initialize(model->blocks());
  return model;
}

}  // namespace

TEST_CASE("a bf16 model starts with the rounded weights of the fp32 model of its seed", "[model]") {
  const auto wide = fresh(torch::kFloat)->named_parameters();
  const auto narrow = fresh(torch::kBFloat16)->named_parameters();
  for (const auto& item : wide) {
    INFO(item.key());
    CHECK(torch::equal(narrow[item.key()], item.value().to(torch::kBFloat16)));
  }
}

TEST_CASE("fp32 weights are those that PyTorch and transformers draw", "[model]") {
  const auto reference = testing::golden("model/initialize.safetensors");
  const auto parameters = fresh(torch::kFloat)->named_parameters();
  for (const auto& [name, info] : reference.tensors()) {
    const auto path = name.substr(std::string("parameter.").size());
    INFO(path);
    REQUIRE(parameters.contains(path));
    // Vectorised logarithms and cosines differ in the last bit between CPUs: 1e-7 of a value.
    CHECK(testing::relative_difference(parameters[path], reference.tensor(name)) < 1e-6);
  }
  for (const auto& item : parameters) {
    if (reference.tensors().count("parameter." + item.key()) > 0) continue;
    INFO(item.key());
    CHECK(item.key().ends_with("layer_scale_parameter"));
    CHECK(torch::all(item.value() == testing::convnext_of(small().vision).layer_scale_init_value).item<bool>());
  }
}

TEST_CASE("bf16 weights have no bias and all the values of their type", "[model]") {
  torch::manual_seed(3);
  model::MlpProjector projector(8, 2048, torch::TensorOptions().dtype(torch::kBFloat16));
  nn::initialize(projector->blocks());
  const auto weight = projector->second->weight.to(torch::kDouble);
  const double bound = 1 / std::sqrt(2048.0);
  // Five standard errors, 0.0014 bound. torch's own bf16 draws have a mean of -bound / 256 and 256 values.
  CHECK(std::abs(weight.mean().item<double>()) < 5 * bound / std::sqrt(3.0 * 2048 * 2048));
  CHECK(std::get<0>(at::_unique(weight)).numel() > 1000);
  CHECK(weight.abs().max().item<double>() <= Approx(bound).epsilon(1.0 / 256));
}
