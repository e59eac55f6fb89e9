#include "convllava/nn/recompute.h"

#include <torch/csrc/autograd/functions/utils.h>

#include <utility>

#include "convllava/nn/libtorch.h"

namespace convllava::nn {
namespace {

bool any_requires_grad(const torch::Tensor& x, const std::vector<torch::Tensor>& parameters) {
  bool any = x.requires_grad();
  for (const auto& parameter : parameters) any = any || parameter.requires_grad();
  return any;
}

/// The parameters are inputs of the node, so that autograd accumulates their gradients once and in its usual place:
/// hooks on them (gradient reduction) see nothing unusual.
class RecomputeNode : public torch::autograd::Node {
 public:
  RecomputeNode(std::function<torch::Tensor(const torch::Tensor&)> block, const torch::Tensor& x,
                std::vector<torch::Tensor> parameters, RecomputeHooks hooks)
      : block_(std::move(block)),
        x_(x, /*is_output=*/false),
        parameters_(std::move(parameters)),
        hooks_(std::move(hooks)) {
    torch::autograd::variable_list inputs = {x};
    inputs.insert(inputs.end(), parameters_.begin(), parameters_.end());
    set_next_edges(torch::autograd::collect_next_edges(inputs));
  }

  std::string name() const override { return "RecomputeBackward"; }

  void release_variables() override { x_.reset_data(); }

  torch::autograd::variable_list apply(torch::autograd::variable_list&& gradients) override {
    if (hooks_.before) hooks_.before();
    auto result = gradients_of_inputs(gradients);
    if (hooks_.after) hooks_.after();
    return result;
  }

 private:
  torch::autograd::variable_list gradients_of_inputs(const torch::autograd::variable_list& gradients) {
    if (!gradients[0].defined()) return torch::autograd::variable_list(1 + parameters_.size());
    const torch::AutoGradMode with_grad(true);
    const auto saved = x_.unpack();
    auto x = saved.detach();
    if (saved.requires_grad()) x.requires_grad_();
    const auto y = block_(x);

    torch::autograd::variable_list wanted;
    std::vector<size_t> slots;
    for (size_t i = 0; i <= parameters_.size(); ++i) {
      const auto& input = i == 0 ? x : parameters_[i - 1];
      if (!input.requires_grad()) continue;
      wanted.push_back(input);
      slots.push_back(i);
    }
    const auto found = torch::autograd::grad({y}, wanted, {gradients[0]}, /*retain_graph=*/std::nullopt,
                                             /*create_graph=*/false, /*allow_unused=*/true);
    torch::autograd::variable_list result(1 + parameters_.size());
    for (size_t i = 0; i < slots.size(); ++i) result[slots[i]] = found[i];
    return result;
  }

  std::function<torch::Tensor(const torch::Tensor&)> block_;
  torch::autograd::SavedVariable x_;
  std::vector<torch::Tensor> parameters_;
  RecomputeHooks hooks_;
};

}  // namespace

torch::Tensor recompute(const std::function<torch::Tensor(const torch::Tensor&)>& block, const torch::Tensor& x,
                        const std::vector<torch::Tensor>& parameters, const RecomputeHooks& hooks) {
  if (!torch::GradMode::is_enabled() || !any_requires_grad(x, parameters)) return block(x);
  torch::Tensor y;
  {
    const torch::NoGradGuard no_grad;
    y = block(x);
  }
  y = y.detach();
  auto node =
      std::shared_ptr<RecomputeNode>(new RecomputeNode(block, x, parameters, hooks), torch::autograd::deleteNode);
  torch::autograd::set_history(y, node);
  return y;
}

}  // namespace convllava::nn
