#include "convllava/nn/head_loss.h"

#include <ATen/core/VariableHooksInterface.h>

#include "convllava/nn/libtorch.h"
#include "tests/catch.h"

using namespace convllava;

TEST_CASE("head and cross-entropy are as near to fp64 as the composed operators", "[nn]") {
  torch::manual_seed(2);
  const auto hidden = torch::randn({70, 16}, torch::requires_grad());
  const auto weight = torch::randn({900'000, 16}, torch::requires_grad());  // wide enough for several chunks
  const auto targets = torch::randint(0, 900'000, {70}, torch::kLong);
  const auto composed = [&](torch::ScalarType type) {
    const auto logits = at::linear(hidden.to(type), weight.to(type));
    return at::cross_entropy_loss(logits, targets, {}, at::Reduction::Sum) * 0.25;
  };
  const auto ours = nn::head_cross_entropy(hidden, weight, targets, 0.25);
  const auto theirs = composed(torch::kFloat);
  const auto exact = composed(torch::kDouble);
  CHECK(ours.item<double>() == Approx(exact.item<double>()).epsilon(1e-5));
  const auto gradients = [&](const torch::Tensor& loss) { return torch::autograd::grad({loss * 3}, {hidden, weight}); };
  const auto a = gradients(ours);
  const auto b = gradients(theirs);
  const auto c = gradients(exact);
  for (size_t i = 0; i < 2; ++i) {
    const auto error = [&](const torch::Tensor& x) { return ((x - c[i]).norm() / c[i].norm()).item<double>(); };
    // How much a sum of 900,000 numbers in fp32 loses depends on its order, which differs: measured 1e-5 to 5e-5.
    CHECK(error(a[i]) < 3 * error(b[i]));
    CHECK(error(b[i]) < 1e-3);
  }
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

TEST_CASE("in bf16 the logits are bf16, softmax and loss fp32, as in transformers", "[nn]") {
  torch::manual_seed(2);
  const auto options = torch::TensorOptions(torch::kBFloat16).requires_grad(true);
  const auto hidden = torch::randn({70, 16}, options);
  const auto weight = torch::randn({300, 16}, options);
  const auto targets = torch::randint(0, 300, {70}, torch::kLong);
  const auto ours = nn::head_cross_entropy(hidden, weight, targets, 1.0 / 70);
  const auto theirs = at::cross_entropy_loss(at::linear(hidden, weight).to(torch::kFloat), targets);
  CHECK(ours.scalar_type() == torch::kFloat);
  CHECK(ours.item<double>() == Approx(theirs.item<double>()).epsilon(1e-6));  // fp32 sums in another order
  const auto a = torch::autograd::grad({ours}, {hidden, weight});
  const auto b = torch::autograd::grad({theirs}, {hidden, weight});
  for (size_t i = 0; i < 2; ++i) {
    CHECK(a[i].scalar_type() == torch::kBFloat16);
    // One bit of bf16, and of the largest value where a sum comes out near zero.
    const auto largest = b[i].abs().max().item<double>();
    CHECK(torch::allclose(a[i].to(torch::kFloat), b[i].to(torch::kFloat), 1.0 / 128, largest / 256));
  }
}

TEST_CASE("the gradient of a bf16 head is summed over chunks in fp32", "[nn]") {
  // So wide that each row is a chunk. Softmax is flat: row 0 of the gradient is the negative sum of the states.
  const auto weight = torch::zeros({(1 << 24) + 1, 1}, torch::TensorOptions(torch::kBFloat16).requires_grad(true));
  at::impl::GetVariableHooks()->set_grad_dtype(weight, torch::kFloat);  // as parallel::FlatUnit does
  const double small = 1.0 / 512;                                       // bf16 would round 1 + small to 1
  const auto states = torch::tensor({1.0, small, small, small}, torch::kBFloat16).unsqueeze(1);
  nn::head_cross_entropy(states, weight, torch::zeros({4}, torch::kLong), 1.0).backward();
  CHECK(weight.grad().scalar_type() == torch::kFloat);
  CHECK(weight.grad()[0].item<double>() == -(1 + 3 * small));
}

TEST_CASE("a second backward pass is refused instead of scaling the gradients again", "[nn]") {
  const auto hidden = torch::randn({3, 4}, torch::requires_grad());
  const auto loss = nn::head_cross_entropy(hidden, torch::randn({7, 4}), torch::tensor({1, 2, 3}, torch::kLong), 1.0);
  CHECK(torch::autograd::grad({loss * 2}, {hidden}, {}, /*retain_graph=*/true)[0].defined());
  CHECK_THROWS_WITH(torch::autograd::grad({loss * 2}, {hidden}), testing::contains("for one backward pass"));
}
