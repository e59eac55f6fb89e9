#include "convllava/parallel/flat_unit.h"

#include "convllava/nn/libtorch.h"
#include "convllava/nn/weight_decay.h"
#include "tests/catch.h"
#include "tests/unit/parallel/blocks.h"

namespace convllava::parallel {
namespace {

using testing::contains;

/// A convolution with channels-last weights, a norm and a linear layer.
struct MixedImpl : torch::nn::Module {
  explicit MixedImpl(torch::ScalarType type) {
    conv = register_module("conv", torch::nn::Conv2d(torch::nn::Conv2dOptions(3, 5, 3)));
    norm = register_module("norm", torch::nn::LayerNorm(torch::nn::LayerNormOptions({5})));
    linear = register_module("linear", torch::nn::Linear(5, 7));
    to(type);
    conv->weight.set_data(conv->weight.contiguous(torch::MemoryFormat::ChannelsLast));
  }
  torch::Tensor forward(const torch::Tensor& x) { return linear(norm(conv(x).mean({2, 3}))); }

  torch::nn::Conv2d conv{nullptr};
  torch::nn::LayerNorm norm{nullptr};
  torch::nn::Linear linear{nullptr};
};
TORCH_MODULE(Mixed);

torch::Tensor image(torch::ScalarType type) {
  return torch::randn({2, 3, 6, 6}).to(type).contiguous(torch::MemoryFormat::ChannelsLast);
}

void check_moved(torch::ScalarType type) {
  torch::manual_seed(1);
  Mixed module(type);
  std::map<std::string, torch::Tensor> before;
  std::map<std::string, torch::TensorImpl*> identity;
  for (const auto& item : module->named_parameters()) {
    before[item.key()] = item.value().detach().clone();
    identity[item.key()] = item.value().unsafeGetTensorImpl();
  }
  const FlatUnit unit(block_of("mixed", *module), {}, torch::kCPU);
  CHECK(unit.name() == "llm.mixed");
  CHECK(unit.weights().tensor().scalar_type() == type);
  CHECK(unit.gradient().tensor().scalar_type() == torch::kFloat);
  CHECK(unit.gradient().tensor().numel() == unit.numel());
  CHECK(unit.parameters().size() == before.size());
  for (const auto& item : module->named_parameters()) {
    INFO(item.key());
    const auto& tensor = item.value();
    CHECK(tensor.unsafeGetTensorImpl() == identity[item.key()]);
    CHECK(tensor.requires_grad());
    CHECK(tensor.strides() == before[item.key()].strides());
    CHECK(torch::equal(tensor, before[item.key()]));
    CHECK(tensor.is_alias_of(unit.weights().tensor()));
    CHECK(tensor.grad().is_alias_of(unit.gradient().tensor()));
    CHECK(tensor.grad().strides() == tensor.strides());
    CHECK(reinterpret_cast<uintptr_t>(tensor.data_ptr()) % 64 == 0);
  }
  CHECK(module->conv->weight.is_contiguous(torch::MemoryFormat::ChannelsLast));
  // What belongs to no parameter is zero.
  auto rest = unit.weights().tensor().clone();
  for (const auto& parameter : unit.parameters()) rest.narrow(0, parameter.begin, parameter.tensor.numel()).zero_();
  CHECK(rest.count_nonzero().item<int64_t>() == 0);
}

}  // namespace

TEST_CASE("parameters move into a flat tensor with their values, strides and identity", "[parallel]") {
  check_moved(torch::kFloat);
  check_moved(torch::kBFloat16);
}

TEST_CASE("ranges are contiguous stretches with and without decay, of the block's module", "[parallel]") {
  const auto leaf = [](std::vector<int64_t> shape) { return torch::ones(shape).requires_grad_(); };
  const nn::Block block{
      "mixed",
      "llm",
      {{"llm.z", leaf({2, 40})}, {"llm.bias", leaf({65})}, {"llm.a", leaf({4, 4})}, {"llm.norm", leaf({1})}}};
  const FlatUnit unit(block, {}, torch::kCPU);
  std::vector<std::string> names;
  for (const auto& parameter : unit.parameters()) names.push_back(parameter.name);
  CHECK(names == std::vector<std::string>{"llm.bias", "llm.norm", "llm.a", "llm.z"});
  REQUIRE(unit.ranges().size() == 2);
  const auto check = [&](size_t i, bool decay, int64_t begin, int64_t end) {
    CHECK(unit.ranges()[i].module == "llm");
    CHECK(unit.ranges()[i].decay == decay);
    CHECK(unit.ranges()[i].begin == begin);
    CHECK(unit.ranges()[i].end == end);
  };
  check(0, false, 0, 192);
  check(1, true, 192, 384);
  CHECK(unit.numel() == 384);
}

TEST_CASE("vectors do not decay", "[parallel]") {
  CHECK(nn::decays(torch::ones({4, 3})));
  CHECK_FALSE(nn::decays(torch::ones({4})));
}

TEST_CASE("backward accumulates into the flat gradient in place", "[parallel]") {
  torch::manual_seed(2);
  Mixed module(torch::kFloat);
  Mixed reference(torch::kFloat);
  const torch::NoGradGuard no_grad;
  for (const auto& item : reference->named_parameters()) {
    item.value().copy_(module->named_parameters()[item.key()]);
  }
  const FlatUnit unit(block_of("mixed", *module), {}, torch::kCPU);
  for (int pass = 0; pass < 2; ++pass) {
    const torch::AutoGradMode grad(true);
    const auto x = image(torch::kFloat);
    module(x).square().sum().backward();
    reference(x).square().sum().backward();
  }
  for (const auto& parameter : unit.parameters()) {
    const auto expected = reference->named_parameters()[parameter.name.substr(10)].grad();
    CHECK(torch::equal(parameter.tensor.grad(), expected));
    CHECK(torch::equal(
        unit.gradient().tensor().as_strided(expected.sizes(), parameter.tensor.strides(), parameter.begin), expected));
  }
}

TEST_CASE("gradients of bfloat16 parameters add up in float32", "[parallel]") {
  auto weight = torch::ones({4}, torch::kBFloat16).requires_grad_();
  const FlatUnit unit({"w", "llm", {{"llm.w", weight}}}, {}, torch::kCPU);
  // 1 + 2^-10 has no bfloat16.
  (weight * torch::tensor({1.0, 1.0, 2.0, 4.0}).to(torch::kBFloat16)).sum().backward();
  (weight * std::pow(2.0, -10)).sum().backward();
  CHECK(
      torch::equal(unit.gradient().tensor().narrow(0, 0, 4), torch::tensor({1.0, 1.0, 2.0, 4.0}) + std::pow(2.0, -10)));
}

TEST_CASE("a change of the flat tensor is a change of the model", "[parallel]") {
  Mixed module(torch::kFloat);
  const FlatUnit unit(block_of("mixed", *module), {}, torch::kCPU);
  const auto x = image(torch::kFloat);
  torch::Tensor(unit.weights().tensor()).zero_();
  CHECK(module(x).abs().max().item<float>() == 0);
  CHECK(module->linear->weight.abs().max().item<float>() == 0);
}

TEST_CASE("a unit refuses parameters that do not fit together", "[parallel]") {
  const auto leaf = [](torch::ScalarType type) { return torch::ones({2}, type).requires_grad_(); };
  const auto make = [](nn::Block block) { FlatUnit unit(block, {}, torch::kCPU); };
  CHECK_THROWS_WITH(make({"none", "llm"}), contains("block none has no parameters"));
  CHECK_THROWS_WITH(make({"b", "llm", {{"llm.a", leaf(torch::kFloat)}, {"llm.b", leaf(torch::kBFloat16)}}}),
                    contains("parameter llm.b is BFloat16 on cpu; expected Float on cpu like the rest of its block"));
  CHECK_THROWS_WITH(make({"b", "llm", {{"llm.a", leaf(torch::kDouble)}}}),
                    contains("parameter llm.a is Double; expected float32 or bfloat16"));
  CHECK_THROWS_WITH(make({"b", "llm", {{"llm.a", leaf(torch::kFloat)}, {"llm.b", torch::ones({2})}}}),
                    contains("parameter llm.b is frozen, the rest of its unit is not"));
  CHECK_THROWS_WITH(make({"b", "llm", {{"llm.a", leaf(torch::kFloat) * 2}}}),
                    contains("parameter llm.a is not a leaf of autograd"));
  const auto sparse = torch::ones({4, 4}).slice(1, 0, 2).requires_grad_();
  CHECK_THROWS_WITH(make({"b", "llm", {{"llm.a", sparse}}}), contains("parameter llm.a is not dense"));
}

}  // namespace convllava::parallel
