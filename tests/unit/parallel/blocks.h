#pragma once

#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>

#include <string>
#include <vector>

#include "convllava/nn/block.h"
#include "convllava/nn/libtorch.h"

namespace convllava::parallel {

/// The parameters of a module as a block of the language model.
inline nn::Block block_of(const std::string& name, const torch::nn::Module& module) {
  nn::Block block{"llm." + name, "llm"};
  for (const auto& item : module.named_parameters()) {
    block.parameters.emplace_back("llm." + name + "." + item.key(), item.value());
  }
  return block;
}

/// Linear layers of different sizes, each a block of its own.
struct Chain {
  explicit Chain(std::vector<int64_t> widths, torch::ScalarType type = torch::kFloat) {
    for (size_t i = 0; i + 1 < widths.size(); ++i) {
      layers.push_back(torch::nn::Linear(widths[i], widths[i + 1]));
      layers.back()->to(type);
    }
  }

  torch::Tensor forward(torch::Tensor x) {
    for (auto& layer : layers) x = torch::tanh(layer(x));
    return x;
  }

  std::vector<nn::Block> blocks() const {
    std::vector<nn::Block> result;
    for (size_t i = 0; i < layers.size(); ++i) result.push_back(block_of(std::to_string(i), *layers[i]));
    return result;
  }

  std::vector<torch::nn::Linear> layers;
};

}  // namespace convllava::parallel
