#pragma once

#include <torch/types.h>

#include <functional>
#include <vector>

// Activation recomputation: keep a block's input, run the block again in backward.

namespace convllava::nn {

/// Called in backward, around the second forward pass and its gradients; also where no gradient comes.
struct RecomputeHooks {
  std::function<void()> before = {};
  std::function<void()> after = {};
};

/// y = block(x), keeping only x. `block` must be deterministic and must not be destroyed before backward; its
/// parameters get their gradients as usual. Without grad mode, or when neither x nor a parameter requires a gradient,
/// this is a plain call. x is any floating tensor; the result is one tensor. No double backward.
torch::Tensor recompute(const std::function<torch::Tensor(const torch::Tensor&)>& block, const torch::Tensor& x,
                        const std::vector<torch::Tensor>& parameters, const RecomputeHooks& hooks = {});

}  // namespace convllava::nn
