#include "convllava/nn/block.h"

#include <algorithm>

#include "convllava/nn/libtorch.h"

namespace convllava::nn {

bool Block::trained() const {
  return std::any_of(parameters.begin(), parameters.end(),
                     [](const auto& item) { return item.second.requires_grad(); });
}

std::string Block::group() const {
  const size_t digit = path.find_first_of("0123456789");
  if (digit == std::string::npos) return path;
  const size_t end = path.find('.', digit);
  return end == std::string::npos ? path.substr(0, digit - 1) : path.substr(0, end);
}

bool any_trained(const std::vector<Block>& blocks) {
  return std::any_of(blocks.begin(), blocks.end(), [](const Block& block) { return block.trained(); });
}

ParameterCounts count_parameters(const torch::nn::Module& module) {
  ParameterCounts counts;
  for (const auto& parameter : module.parameters()) {
    counts.all += parameter.numel();
    counts.trained += parameter.requires_grad() ? parameter.numel() : 0;
  }
  return counts;
}

Block make_block(std::string name, std::string path, const torch::nn::Module& module) {
  Block block{std::move(name), std::move(path)};
  for (const auto& item : module.named_parameters()) {
    block.parameters.emplace_back(block.name.empty() ? item.key() : block.name + "." + item.key(), item.value());
  }
  return block;
}

}  // namespace convllava::nn
