#include "convllava/nn/attention.h"

#include "convllava/nn/compute_capability.h"
#include "convllava/nn/libtorch.h"
#include "tests/catch.h"

using namespace convllava;

namespace {

/// The definition, one query at a time.
torch::Tensor plain_attention(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v,
                              const std::vector<int64_t>& cu_seqlens) {
  const int64_t group = q.size(1) / k.size(1);
  std::vector<torch::Tensor> rows;
  for (size_t s = 0; s + 1 < cu_seqlens.size(); ++s) {
    for (int64_t t = cu_seqlens[s]; t < cu_seqlens[s + 1]; ++t) {
      const int64_t seen = t + 1 - cu_seqlens[s];
      std::vector<torch::Tensor> heads;
      for (int64_t h = 0; h < q.size(1); ++h) {
        const auto keys = k.narrow(0, cu_seqlens[s], seen).select(1, h / group);
        const auto values = v.narrow(0, cu_seqlens[s], seen).select(1, h / group);
        const auto weights = (keys.mv(q[t][h]) / std::sqrt(static_cast<double>(q.size(2)))).softmax(0);
        heads.push_back(values.t().mv(weights));
      }
      rows.push_back(torch::stack(heads));
    }
  }
  return torch::stack(rows);
}

}  // namespace

TEST_CASE("packed attention equals its definition, forward and gradients", "[nn]") {
  const std::vector<int64_t> cu_seqlens =
      GENERATE(std::vector<int64_t>{0, 5, 6, 13}, std::vector<int64_t>{0, 4, 8}, std::vector<int64_t>{0, 9});
  torch::manual_seed(5);
  const auto options = torch::TensorOptions(torch::kDouble).requires_grad(true);
  const auto q = torch::randn({cu_seqlens.back(), 4, 8}, options);
  const auto k = torch::randn({cu_seqlens.back(), 2, 8}, options);
  const auto v = torch::randn({cu_seqlens.back(), 2, 8}, options);
  const auto expected = plain_attention(q, k, v, cu_seqlens);
  const auto actual = nn::causal_attention(q, k, v, nn::SequenceLayout::make(cu_seqlens, torch::kCPU));
  CHECK(torch::allclose(actual, expected, 1e-10, 1e-12));
  const auto weight = torch::randn_like(actual);
  const auto ours = torch::autograd::grad({(actual * weight).sum()}, {q, k, v});
  const auto theirs = torch::autograd::grad({(expected * weight).sum()}, {q, k, v});
  for (size_t i = 0; i < 3; ++i) CHECK(torch::allclose(ours[i], theirs[i], 1e-9, 1e-11));
}

TEST_CASE("no sequence gives no rows", "[nn]") {
  const auto q = torch::zeros({0, 4, 8}, torch::requires_grad());
  const auto kv = torch::zeros({0, 2, 8});
  const auto out = nn::causal_attention(q, kv, kv, nn::SequenceLayout::make({0}, torch::kCPU));
  CHECK(out.sizes() == at::IntArrayRef({0, 4, 8}));
}

TEST_CASE("the flash kernel is left alone with what it does not support", "[nn]") {
  const auto fits = [](int64_t head_dim, int64_t sequences = 1, torch::ScalarType dtype = torch::kBFloat16,
                       int compute_capability = 80) {
    return nn::fits_flash_kernel(compute_capability, dtype, head_dim, sequences);
  };
  CHECK(fits(128));
  CHECK(fits(8));
  CHECK(fits(256));
  CHECK(fits(64, 1, torch::kHalf));
  CHECK_FALSE(fits(12));
  CHECK_FALSE(fits(264));
  CHECK_FALSE(fits(128, 0));
  CHECK_FALSE(fits(128, 1, torch::kFloat));
  CHECK(fits(128, 1, torch::kHalf, 90));
  CHECK_FALSE(fits(128, 1, torch::kHalf, 75));  // Turing: the kernel throws there
  CHECK_FALSE(fits(128, 1, torch::kHalf, nn::compute_capability(torch::kCPU)));
}
