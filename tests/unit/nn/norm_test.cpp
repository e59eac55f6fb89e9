#include "convllava/nn/norm.h"

#include "convllava/nn/libtorch.h"
#include "tests/support/golden.h"

using namespace convllava;
using testing::relative_difference;

namespace {

// fp32 against fp64, relative to the largest element. A result has about five roundings of 6e-8 behind it, a sum over
// the rows of the input a few more. Measured: 1.2e-7.
constexpr double kNormTolerance = 5e-7;

// So large that its place in the formula shows.
constexpr double kEps = 0.1;

torch::Tensor trained(const torch::Tensor& values, torch::ScalarType dtype) {
  return values.to(dtype, /*non_blocking=*/false, /*copy=*/true).requires_grad_(true);
}

nn::RmsNorm rms_norm(const torch::Tensor& weight) {
  nn::RmsNorm norm(weight.size(0), kEps, weight.options());
  const torch::NoGradGuard no_grad;
  norm->weight.copy_(weight);
  return norm;
}

nn::ChannelLayerNorm channel_layer_norm(const torch::Tensor& weight, const torch::Tensor& bias) {
  nn::ChannelLayerNorm norm(weight.size(0), kEps, weight.options());
  const torch::NoGradGuard no_grad;
  norm->weight.copy_(weight);
  norm->bias.copy_(bias);
  return norm;
}

/// The definitions, for any type.
torch::Tensor plain_rms_norm(const torch::Tensor& x, const torch::Tensor& weight) {
  return weight * x / (x.square().mean(-1, /*keepdim=*/true) + kEps).sqrt();
}

torch::Tensor plain_layer_norm(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias) {
  const auto centred = x - x.mean(-1, /*keepdim=*/true);
  return weight * centred / (centred.square().mean(-1, /*keepdim=*/true) + kEps).sqrt() + bias;
}

}  // namespace

TEST_CASE("RMSNorm and its gradients equal the composed operators in fp64", "[nn]") {
  torch::manual_seed(6);
  const auto values = torch::randn({3, 7, 48});
  const auto scales = torch::randn({48});
  const auto upstream = torch::randn_like(values);
  const auto x = trained(values, torch::kFloat);
  auto norm = rms_norm(scales);
  const auto wide_x = trained(values, torch::kDouble);
  const auto wide_weight = trained(scales, torch::kDouble);
  const auto actual = norm(x);
  const auto expected = plain_rms_norm(wide_x, wide_weight);
  CHECK(relative_difference(actual, expected) < kNormTolerance);
  const auto ours = torch::autograd::grad({actual}, {x, norm->weight}, {upstream});
  const auto theirs = torch::autograd::grad({expected}, {wide_x, wide_weight}, {upstream.to(torch::kDouble)});
  for (size_t i = 0; i < 2; ++i) CHECK(relative_difference(ours[i], theirs[i]) < kNormTolerance);
}

TEST_CASE("RMSNorm of bf16 rounds the fp32 values, its weight comes after the rounding", "[nn]") {
  torch::manual_seed(6);
  const auto x = trained(torch::randn({3, 7, 48}), torch::kBFloat16);
  const auto upstream = torch::randn({3, 7, 48}).to(torch::kBFloat16);
  auto norm = rms_norm(torch::randn({48}).to(torch::kBFloat16));
  const auto wide_x = trained(x.detach(), torch::kFloat);
  auto wide_norm = rms_norm(norm->weight.detach().to(torch::kFloat));
  const auto actual = norm(x);
  const auto without_weight = rms_norm(torch::ones({48}))(wide_x).detach();
  CHECK(torch::equal(actual, without_weight.to(torch::kBFloat16) * norm->weight));
  const auto ours = torch::autograd::grad({actual}, {x, norm->weight}, {upstream});
  const auto theirs =
      torch::autograd::grad({wide_norm(wide_x)}, {wide_x, wide_norm->weight}, {upstream.to(torch::kFloat)});
  for (size_t i = 0; i < 2; ++i) CHECK(torch::equal(ours[i], theirs[i].to(torch::kBFloat16)));
}

TEST_CASE("RMSNorm computes no gradient of what is frozen", "[nn]") {
  const bool frozen_weight = GENERATE(true, false);
  auto norm = rms_norm(torch::ones({8}));
  norm->weight.set_requires_grad(!frozen_weight);
  const auto x = torch::randn({3, 8}).set_requires_grad(frozen_weight);
  const auto y = norm(x);
  const torch::NoGradGuard no_grad;                              // as the engine runs it
  const auto gradients = (*y.grad_fn())({torch::ones_like(y)});  // autograd itself would drop a superfluous one
  CHECK(gradients[0].defined() == frozen_weight);
  CHECK(gradients[1].defined() != frozen_weight);
}

TEST_CASE("LayerNorm over the channels equals the composed operators in fp64, whatever the strides", "[nn]") {
  const bool channels_last = GENERATE(true, false);
  torch::manual_seed(6);
  const auto image = torch::randn({2, 48, 3, 5});  // [B, C, H, W]
  const auto format = channels_last ? torch::MemoryFormat::ChannelsLast : torch::MemoryFormat::Contiguous;
  const auto values = image.contiguous(format).permute({0, 2, 3, 1});
  const auto upstream = torch::randn(values.sizes());
  const auto x = values.detach().requires_grad_(true);
  REQUIRE(x.is_contiguous() == channels_last);
  auto norm = channel_layer_norm(torch::randn({48}), torch::randn({48}));
  const auto wide_x = trained(values, torch::kDouble);
  const auto wide_weight = trained(norm->weight.detach(), torch::kDouble);
  const auto wide_bias = trained(norm->bias.detach(), torch::kDouble);
  const auto actual = norm(x);
  const auto expected = plain_layer_norm(wide_x, wide_weight, wide_bias);
  CHECK(relative_difference(actual, expected) < kNormTolerance);
  const auto ours = torch::autograd::grad({actual}, {x, norm->weight, norm->bias}, {upstream});
  const auto theirs =
      torch::autograd::grad({expected}, {wide_x, wide_weight, wide_bias}, {upstream.to(torch::kDouble)});
  for (size_t i = 0; i < 3; ++i) CHECK(relative_difference(ours[i], theirs[i]) < kNormTolerance);
}

TEST_CASE("LayerNorm of bf16 keeps its statistics in fp32", "[nn]") {
  torch::manual_seed(6);
  // In bf16 a mean of 100 would be off by up to a quarter.
  const auto x = (torch::randn({2, 3, 5, 48}) + 100).to(torch::kBFloat16);
  const auto weight = torch::randn({48}).to(torch::kBFloat16);
  const auto bias = torch::randn({48}).to(torch::kBFloat16);
  const torch::NoGradGuard no_grad;
  const auto actual = channel_layer_norm(weight, bias)(x);
  const auto expected =
      channel_layer_norm(weight.to(torch::kFloat), bias.to(torch::kFloat))(x.to(torch::kFloat)).to(torch::kBFloat16);
  // One bit of bf16: fp32 sums in another order can turn a rounding. Around 0 what 100 * 6e-8 becomes in the result.
  CHECK(torch::allclose(actual.to(torch::kFloat), expected.to(torch::kFloat), 1.0 / 128, 1e-4));
}
