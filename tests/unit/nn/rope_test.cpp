#include "convllava/nn/rope.h"

#include <cmath>

#include "convllava/nn/libtorch.h"
#include "tests/support/golden.h"

using namespace convllava;
using testing::relative_difference;

namespace {

// fp32 against fp64, relative to the largest element: two products and a sum, each rounded by 6e-8. Measured: 7e-8.
constexpr double kRopeTolerance = 3e-7;

constexpr double kTheta = 100;

torch::Tensor positions(const std::vector<int64_t>& values) { return torch::tensor(values, torch::kLong); }

/// x * cos + rotate_half(x) * sin, as transformers writes it.
torch::Tensor plain_rope(const torch::Tensor& x, const torch::Tensor& cos, const torch::Tensor& sin) {
  const auto halves = x.chunk(2, -1);
  return x * cos.unsqueeze(1) + torch::cat({-halves[1], halves[0]}, -1) * sin.unsqueeze(1);
}

}  // namespace

TEST_CASE("the tables hold the angles position / theta^(2i / head_dim), twice", "[nn]") {
  const auto [cos, sin] = nn::rope_tables(positions({0, 1, 63}), 8, kTheta);
  REQUIRE(cos.sizes() == at::IntArrayRef({3, 8}));
  for (const int64_t row : {0, 1, 2}) {
    for (int64_t column = 0; column < 8; ++column) {
      const double angle = (row == 2 ? 63 : row) / std::pow(kTheta, 2.0 * (column % 4) / 8);
      // An angle of 63 in fp32 is off by up to three roundings, 63 * 2e-7.
      CHECK(cos[row][column].item<double>() == Approx(std::cos(angle)).margin(2e-5));
      CHECK(sin[row][column].item<double>() == Approx(std::sin(angle)).margin(2e-5));
    }
  }
}

TEST_CASE("RoPE and its gradient equal the composed operators in fp64", "[nn]") {
  torch::manual_seed(8);
  const auto x = torch::randn({9, 3, 16}, torch::requires_grad());
  const auto upstream = torch::randn_like(x);
  const auto wide_x = x.detach().to(torch::kDouble).requires_grad_(true);
  const auto [cos, sin] = nn::rope_tables(torch::arange(9), 16, kTheta);
  const auto actual = nn::apply_rope(x, cos, sin);
  const auto expected = plain_rope(wide_x, cos.to(torch::kDouble), sin.to(torch::kDouble));
  CHECK(relative_difference(actual, expected) < kRopeTolerance);
  const auto ours = torch::autograd::grad({actual}, {x}, {upstream})[0];
  const auto theirs = torch::autograd::grad({expected}, {wide_x}, {upstream.to(torch::kDouble)})[0];
  CHECK(relative_difference(ours, theirs) < kRopeTolerance);
}

TEST_CASE("RoPE of bf16 rounds the fp32 values once, forward and backward", "[nn]") {
  torch::manual_seed(8);
  const auto x = torch::randn({9, 3, 16}).to(torch::kBFloat16).requires_grad_(true);
  const auto upstream = torch::randn({9, 3, 16}).to(torch::kBFloat16);
  const auto wide_x = x.detach().to(torch::kFloat).requires_grad_(true);
  const auto [cos, sin] = nn::rope_tables(torch::arange(9), 16, kTheta);
  const auto actual = nn::apply_rope(x, cos, sin);
  const auto expected = nn::apply_rope(wide_x, cos, sin);
  CHECK(torch::equal(actual, expected.to(torch::kBFloat16)));
  const auto ours = torch::autograd::grad({actual}, {x}, {upstream})[0];
  const auto theirs = torch::autograd::grad({expected}, {wide_x}, {upstream.to(torch::kFloat)})[0];
  CHECK(torch::equal(ours, theirs.to(torch::kBFloat16)));
}

TEST_CASE("RoPE leaves position 0 as it is", "[nn]") {
  const auto x = torch::randn({3, 2, 8});
  const auto [cos, sin] = nn::rope_tables(positions({0, 1, 0}), 8, kTheta);
  const auto y = nn::apply_rope(x, cos, sin);
  CHECK(torch::equal(y[0], x[0]));
  CHECK_FALSE(torch::equal(y[1], x[1]));
  CHECK(torch::equal(y[2], x[2]));
}

TEST_CASE("RoPE of a packed sequence is that of the sequence alone", "[nn]") {
  const auto x = torch::randn({7, 2, 8});
  const auto rotated = [](const torch::Tensor& rows, const torch::Tensor& at) {
    const auto [cos, sin] = nn::rope_tables(at, 8, kTheta);
    return nn::apply_rope(rows, cos, sin);
  };
  const auto packed = rotated(x, positions({0, 1, 2, 0, 1, 2, 3}));
  CHECK(torch::equal(packed.narrow(0, 0, 3), rotated(x.narrow(0, 0, 3), torch::arange(3))));
  CHECK(torch::equal(packed.narrow(0, 3, 4), rotated(x.narrow(0, 3, 4), torch::arange(4))));
}

TEST_CASE("RoPE's gradient is the rotation by the negative angle", "[nn]") {
  const auto x = torch::randn({5, 2, 8}, torch::requires_grad());
  const auto upstream = torch::randn_like(x);
  const auto [cos, sin] = nn::rope_tables(torch::arange(5), 8, kTheta);
  const auto y = nn::apply_rope(x, cos, sin);
  const auto gradient = torch::autograd::grad({y}, {x}, {upstream}, /*retain_graph=*/true)[0];
  CHECK(torch::equal(gradient, nn::apply_rope(upstream, cos, -sin)));
  CHECK(relative_difference(torch::autograd::grad({y}, {x}, {y.detach()})[0], x.detach()) < 2 * kRopeTolerance);
}

TEST_CASE("scores of rotated queries and keys depend on their distance alone", "[nn]") {
  const auto q = torch::randn({1, 1, 8});
  const auto k = torch::randn({1, 1, 8});
  const auto score = [&](int64_t query, int64_t key) {
    const auto [q_cos, q_sin] = nn::rope_tables(positions({query}), 8, kTheta);
    const auto [k_cos, k_sin] = nn::rope_tables(positions({key}), 8, kTheta);
    return (nn::apply_rope(q, q_cos, q_sin) * nn::apply_rope(k, k_cos, k_sin)).sum().item<double>();
  };
  // Angles up to 30 are off by 30 * 2e-7, and four pairs of numbers of size 1 add up.
  CHECK(score(30, 25) == Approx(score(5, 0)).margin(1e-4));
  CHECK(std::abs(score(30, 25) - score(30, 26)) > 1e-2);
}
