#include "convllava/nn/init.h"

#include <cmath>

#include "convllava/nn/libtorch.h"

namespace convllava::nn {
namespace {

template <class Draw>
void fill_drawn(torch::Tensor tensor, Draw draw) {
  const torch::NoGradGuard no_grad;
  auto wide = tensor.to(torch::kFloat);  // the tensor itself where it is fp32
  draw(wide);
  tensor.copy_(wide);
}

}  // namespace

void fill(torch::Tensor tensor, double value) {
  const torch::NoGradGuard no_grad;
  tensor.fill_(value);
}

void fill_normal(torch::Tensor tensor, double deviation) {
  fill_drawn(tensor, [&](torch::Tensor& wide) { wide.normal_(0, deviation); });
}

void fill_default(const torch::Tensor& weight, const torch::Tensor& bias) {
  const double bound = 1.0 / std::sqrt(static_cast<double>(weight.numel() / weight.size(0)));
  const auto draw = [&](torch::Tensor& wide) { wide.uniform_(-bound, bound); };
  fill_drawn(weight, draw);
  fill_drawn(bias, draw);
}

void fill_norm(const torch::Tensor& weight, const torch::Tensor& bias) {
  fill(weight, 1);
  fill(bias, 0);
}

void initialize(const std::vector<Block>& blocks) {
  for (const auto& block : blocks) {
    if (block.initialize) block.initialize();
  }
}

}  // namespace convllava::nn
