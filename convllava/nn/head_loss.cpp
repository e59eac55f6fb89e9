#include "convllava/nn/head_loss.h"

#include <algorithm>

#include "convllava/nn/libtorch.h"

namespace convllava::nn {
namespace {

/// sum += a @ b, with `sum` in fp32 whatever the type of the others.
void add_product(torch::Tensor& sum, const torch::Tensor& a, const torch::Tensor& b) {
  if (a.scalar_type() == torch::kFloat) {
    sum.addmm_(a, b);
  } else {
    sum.add_(a.matmul(b));
  }
}

struct HeadLossFunction : torch::autograd::Function<HeadLossFunction> {
  static torch::Tensor forward(torch::autograd::AutogradContext* context, const torch::Tensor& hidden,
                               const torch::Tensor& weight, const torch::Tensor& targets, double scale,
                               bool with_gradients) {
    const bool wants_hidden = with_gradients && hidden.requires_grad();
    const bool wants_weight = with_gradients && weight.requires_grad();
    auto loss = torch::zeros({}, hidden.options().dtype(torch::kFloat));
    auto hidden_gradient = wants_hidden ? torch::empty_like(hidden) : torch::Tensor();
    auto weight_gradient =
        wants_weight ? torch::zeros_like(weight, weight.options().dtype(torch::kFloat)) : torch::Tensor();
    const int64_t step = std::max<int64_t>(1, kHeadChunkBytes / (4 * weight.size(0)));
    for (int64_t begin = 0; begin < hidden.size(0); begin += step) {
      const int64_t rows = std::min(step, hidden.size(0) - begin);
      const auto states = hidden.narrow(0, begin, rows);
      const auto labels = targets.narrow(0, begin, rows).unsqueeze(1);
      auto log_probabilities = at::linear(states, weight).to(torch::kFloat).log_softmax(1);
      loss.sub_(log_probabilities.gather(1, labels).sum());
      if (!wants_hidden && !wants_weight) continue;
      auto logit_gradient = log_probabilities.exp_();
      logit_gradient.scatter_add_(1, labels, torch::full_like(labels, -1, logit_gradient.options()));
      const auto narrow = logit_gradient.mul_(scale).to(weight.scalar_type());
      if (wants_hidden) hidden_gradient.narrow(0, begin, rows).copy_(narrow.matmul(weight));
      if (wants_weight) add_product(weight_gradient, narrow.t(), states);
    }
    context->saved_data["hidden"] = hidden_gradient;
    context->saved_data["weight"] = weight_gradient;
    return loss.mul_(scale);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& gradients) {
    // The gradients were made for this one use: scaling them in place saves a copy of the vocabulary's table.
    auto& saved = context->saved_data;
    TORCH_CHECK(!saved.empty(), "head_cross_entropy keeps its gradients for one backward pass; this is a second one");
    const auto scaled = [&](const char* name) {
      auto gradient = saved[name].toTensor();
      return gradient.defined() ? gradient.mul_(gradients[0]) : gradient;
    };
    const torch::autograd::variable_list result = {scaled("hidden"), scaled("weight"), {}, {}, {}};
    saved.clear();
    return result;
  }
};

}  // namespace

torch::Tensor head_cross_entropy(const torch::Tensor& hidden, const torch::Tensor& weight, const torch::Tensor& targets,
                                 double scale) {
  return HeadLossFunction::apply(hidden, weight, targets, scale, torch::GradMode::is_enabled());
}

}  // namespace convllava::nn
