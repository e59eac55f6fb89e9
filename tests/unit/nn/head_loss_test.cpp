#include "convllava/nn/head_loss.h"

#include "convllava/nn/libtorch.h"
#include "tests/catch.h"

using namespace convllava;

TEST_CASE("head and cross-entropy equal the composed operators", "[nn]") {
  torch::manual_seed(2);
  const auto hidden = torch::randn({70, 16}, torch::requires_grad());
  const auto weight = torch::randn({900'000, 16}, torch::requires_grad());  // wide enough for several chunks
  const auto targets = torch::randint(0, 900'000, {70}, torch::kLong);
  const auto ours = nn::head_cross_entropy(hidden, weight, targets, 0.25);
  const auto theirs = at::cross_entropy_loss(at::linear(hidden, weight), targets, {}, at::Reduction::Sum) * 0.25;
  CHECK(ours.item<double>() == Approx(theirs.item<double>()).epsilon(1e-5));
  const auto a = torch::autograd::grad({ours * 3}, {hidden, weight});
  const auto b = torch::autograd::grad({theirs * 3}, {hidden, weight});
  CHECK(torch::allclose(a[0], b[0], 1e-4, 1e-5));
  CHECK(torch::allclose(a[1], b[1], 1e-4, 1e-5));
}

TEST_CASE("no supervised row gives a zero loss and zero gradients", "[nn]") {
  const auto hidden = torch::zeros({0, 4}, torch::requires_grad());
  const auto weight = torch::ones({7, 4}, torch::requires_grad());
  const auto loss = nn::head_cross_entropy(hidden, weight, torch::zeros({0}, torch::kLong), 1.0);
  CHECK(loss.item<double>() == 0);
  loss.backward();
  CHECK(weight.grad().abs().sum().item<double>() == 0);
}

TEST_CASE("a frozen head gets no gradient", "[nn]") {
  const auto hidden = torch::randn({3, 4}, torch::requires_grad());
  const auto weight = torch::randn({7, 4});
  nn::head_cross_entropy(hidden, weight, torch::tensor({1, 2, 3}, torch::kLong), 1.0).backward();
  CHECK(hidden.grad().defined());
  CHECK_FALSE(weight.grad().defined());
}
