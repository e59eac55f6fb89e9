// A program of another project that uses one folder of the library.

#include "convllava/nn/head_loss.h"

#include <torch/torch.h>

#include <cmath>
#include <cstdio>

int main() {
  // All logits are 0: each of four tokens has a probability of a quarter.
  const auto hidden = torch::ones({3, 8});
  const auto weight = torch::zeros({4, 8}, torch::requires_grad());
  const auto loss = convllava::nn::head_cross_entropy(hidden, weight, torch::tensor({0, 1, 2}), 1.0 / 3);
  loss.backward();
  std::printf("loss %.4f\n", loss.item<double>());
  return std::abs(loss.item<double>() - std::log(4.0)) < 1e-6 && weight.grad().defined() ? 0 : 1;
}
