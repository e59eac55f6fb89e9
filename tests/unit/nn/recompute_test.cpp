#include "convllava/nn/recompute.h"

#include "convllava/nn/libtorch.h"
#include "tests/catch.h"

using namespace convllava;

TEST_CASE("a recomputed block gives the same gradients and runs twice", "[nn]") {
  torch::manual_seed(4);
  const auto weight = torch::randn({6, 6}, torch::requires_grad());
  const auto bias = torch::randn({6}, torch::requires_grad());
  const auto x = torch::randn({3, 6}, torch::requires_grad());
  int runs = 0;
  const auto block = [&](const torch::Tensor& input) {
    ++runs;
    return at::gelu(at::linear(input, weight, bias)) + input;
  };
  const auto expected = torch::autograd::grad({block(x).square().sum()}, {x, weight, bias});
  runs = 0;
  nn::recompute(block, x, {weight, bias}).square().sum().backward();
  CHECK(runs == 2);
  CHECK(torch::equal(x.grad(), expected[0]));
  CHECK(torch::equal(weight.grad(), expected[1]));
  CHECK(torch::equal(bias.grad(), expected[2]));
}

TEST_CASE("a recomputed block whose input needs no gradient still trains its parameters", "[nn]") {
  const auto weight = torch::randn({4, 4}, torch::requires_grad());
  const auto frozen = torch::randn({4});
  const auto x = torch::randn({2, 4});
  const auto block = [&](const torch::Tensor& input) { return at::linear(input, weight, frozen); };
  nn::recompute(block, x, {weight, frozen}).sum().backward();
  CHECK(torch::allclose(weight.grad(), x.sum(0).expand({4, 4})));
  CHECK_FALSE(frozen.grad().defined());
}

TEST_CASE("recomputation is a plain call when nothing wants a gradient", "[nn]") {
  int runs = 0;
  const auto block = [&](const torch::Tensor& input) {
    ++runs;
    return input * 2;
  };
  const auto y = nn::recompute(block, torch::ones({2}), {});
  CHECK(runs == 1);
  CHECK_FALSE(y.requires_grad());
}

TEST_CASE("recomputed blocks chain", "[nn]") {
  const auto w = torch::tensor({1.5}, torch::requires_grad());
  const auto x = torch::tensor({2.0}, torch::requires_grad());
  const auto block = [&](const torch::Tensor& input) { return input * w; };
  auto y = x;
  for (int i = 0; i < 5; ++i) y = nn::recompute(block, y, {w});
  y.sum().backward();
  CHECK(w.grad().item<double>() == Approx(2.0 * 5 * std::pow(1.5, 4)));
  CHECK(x.grad().item<double>() == Approx(std::pow(1.5, 5)));
}

TEST_CASE("a recomputed block with bf16 leaves gives the gradients of the plain one", "[nn]") {
  torch::manual_seed(4);
  const auto options = torch::TensorOptions(torch::kBFloat16).requires_grad(true);
  const auto weight = torch::randn({6, 6}, options);
  const auto bias = torch::randn({6}, options);
  const auto x = torch::randn({3, 6}, options);
  const auto block = [&](const torch::Tensor& input) { return at::gelu(at::linear(input, weight, bias)) + input; };
  const auto expected = torch::autograd::grad({block(x).square().sum()}, {x, weight, bias});
  nn::recompute(block, x, {weight, bias}).square().sum().backward();
  CHECK(weight.grad().scalar_type() == torch::kBFloat16);
  CHECK(torch::equal(x.grad(), expected[0]));
  CHECK(torch::equal(weight.grad(), expected[1]));
  CHECK(torch::equal(bias.grad(), expected[2]));
}
