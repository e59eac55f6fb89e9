#include <cmath>

#include "convllava/nn/init.h"
#include "tests/catch.h"

using namespace convllava;

namespace {

model::ModelConfig small() {
  model::ModelConfig config;
  config.vision.depths = {1, 1};
  config.vision.hidden_sizes = {32, 64};
  config.llm.vocab_size = 256;
  config.llm.hidden_size = 256;
  config.llm.intermediate_size = 64;
  config.llm.num_hidden_layers = 1;
  config.llm.num_attention_heads = 4;
  config.llm.num_key_value_heads = 4;
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

TEST_CASE("fp32 weights are torch's own draws", "[model]") {
  torch::manual_seed(3);
  model::Projector projector(8, 16, torch::TensorOptions());
  nn::initialize(projector->blocks());
  torch::manual_seed(3);
  const double bound = 1 / std::sqrt(8.0);
  CHECK(torch::equal(projector->first->weight, torch::empty({16, 8}).uniform_(-bound, bound)));
  CHECK(torch::equal(projector->first->bias, torch::empty({16}).uniform_(-bound, bound)));
}

TEST_CASE("bf16 weights have no bias and all the values of their type", "[model]") {
  torch::manual_seed(3);
  model::Projector projector(8, 2048, torch::TensorOptions().dtype(torch::kBFloat16));
  nn::initialize(projector->blocks());
  const auto weight = projector->second->weight.to(torch::kDouble);
  const double bound = 1 / std::sqrt(2048.0);
  // Five standard errors, 0.0014 bound. torch's own bf16 draws have a mean of -bound / 256 and 256 values.
  CHECK(std::abs(weight.mean().item<double>()) < 5 * bound / std::sqrt(3.0 * 2048 * 2048));
  CHECK(std::get<0>(at::_unique(weight)).numel() > 1000);
  CHECK(weight.abs().max().item<double>() <= Approx(bound).epsilon(1.0 / 256));
}
