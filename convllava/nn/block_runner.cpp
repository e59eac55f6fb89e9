#include "convllava/nn/block_runner.h"

#include <algorithm>

#include "convllava/nn/block_pattern.h"
#include "convllava/nn/libtorch.h"
#include "convllava/nn/recompute.h"

namespace convllava::nn {
namespace {

std::vector<torch::Tensor> tensors_of(const Block& block) {
  std::vector<torch::Tensor> tensors;
  for (const auto& item : block.parameters) tensors.push_back(item.second);
  return tensors;
}

/// Calls the observer from hooks on the gradients of a block's output and input.
void watch_backward(BlockObserver* observer, const Block& block, const torch::Tensor& x, const torch::Tensor& y) {
  if (!torch::GradMode::is_enabled() || !y.requires_grad()) return;
  y.register_hook([observer, &block](const torch::Tensor&) { observer->before_backward(block); });
  // On a leaf the hook would run before the gradients of the block's parameters are there.
  if (x.requires_grad() && !x.is_leaf()) {
    x.register_hook([observer, &block](const torch::Tensor&) { observer->after_backward(block); });
  }
}

}  // namespace

void BlockRunner::add(Block block) { blocks_.push_back(std::move(block)); }

void BlockRunner::add_prefix(std::string_view prefix) {
  for (auto& block : blocks_) {
    block.name = std::string(prefix) + (block.name.empty() ? "" : "." + block.name);
    for (auto& parameter : block.parameters) parameter.first = std::string(prefix) + "." + parameter.first;
  }
}

void BlockRunner::set_recompute(const std::vector<std::string>& patterns) {
  for (auto& block : blocks_) {
    block.recomputed = block.recomputable && std::any_of(patterns.begin(), patterns.end(), [&](const auto& pattern) {
                         return selects(pattern, block.path);
                       });
  }
}

torch::Tensor BlockRunner::run(size_t index, const torch::Tensor& x, const Body& body) const {
  const Block& block = blocks_[index];
  if (!observer_) return block.recomputed ? recompute(body, x, tensors_of(block)) : body(x);
  observer_->before_forward(block);
  torch::Tensor y;
  if (block.recomputed) {
    auto* observer = observer_;
    y = recompute(body, x, tensors_of(block),
                  {.before = [observer, &block] { observer->before_backward(block); },
                   .after = [observer, &block] { observer->after_backward(block); }});
  } else {
    y = body(x);
    watch_backward(observer_, block, x, y);
  }
  observer_->after_forward(block);
  return y;
}

}  // namespace convllava::nn
