#include "convllava/model/vision/convnext.h"

#include "convllava/nn/init.h"
#include "tests/catch.h"
#include "tests/support/golden.h"
#include "tests/support/tiny_model.h"

using namespace convllava;
using testing::golden;
using testing::relative_difference;

namespace {

// fp32 against fp32 in another order of summation. Measured: outputs 4e-7, gradients 2e-6; the margin is for other
// CPUs.
constexpr double kConvNextTolerance = 2e-6;
constexpr double kConvNextGradientTolerance = 1e-5;

model::ConvNextConfig tiny(std::vector<int64_t> depths, std::vector<int64_t> widths) {
  return *testing::convnext(std::move(depths), std::move(widths));
}

void check_parity(const model::ConvNextConfig& config, const std::string& file_name, bool recompute) {
  const auto file = golden("model/" + file_name);
  model::ConvNext tower(config);
  if (recompute) tower->runner.set_recompute({"vision"});
  testing::load_parameters(*tower, file);
  const auto features = tower(file.tensor("pixels"));
  CHECK(relative_difference(features, file.tensor("features")) < kConvNextTolerance);
  features.backward(file.tensor("output_gradient"));
  testing::check_gradients(*tower, file, kConvNextGradientTolerance);
}

}  // namespace

TEST_CASE("four stages equal transformers' ConvNextModel, forward and gradients", "[model]") {
  check_parity(tiny({1, 1, 2, 1}, {8, 12, 16, 24}), "convnext_4_stages.safetensors", false);
}

TEST_CASE("five stages equal transformers' ConvNextModel on sizes that the stride does not divide", "[model]") {
  check_parity(tiny({1, 1, 2, 1, 1}, {8, 12, 16, 20, 24}), "convnext_5_stages.safetensors", false);
}

TEST_CASE("recomputed blocks give the same output and gradients", "[model]") {
  check_parity(tiny({1, 1, 2, 1, 1}, {8, 12, 16, 20, 24}), "convnext_5_stages.safetensors", true);
}

TEST_CASE("tokens are floor(H/64) * floor(W/64), row-major", "[model]") {
  const auto config = tiny({1, 1, 1, 1, 1}, {4, 4, 4, 4, 6});
  model::ConvNext tower(config);
  nn::initialize(tower->blocks());
  CHECK(tower(torch::randn({2, 3, 64, 64})).sizes() == at::IntArrayRef({2, 1, 6}));
  const auto pixels = torch::randn({1, 3, 135, 200});
  const auto tokens = tower(pixels);
  CHECK(tokens.sizes() == at::IntArrayRef({1, 6, 6}));
  CHECK(config.num_tokens(135, 200) == 6);
  const auto map = tower->feature_map(pixels);
  CHECK(torch::equal(tokens[0][4], map[0].select(1, 1).select(1, 1)));
}

TEST_CASE("images smaller than one token are refused", "[model]") {
  model::ConvNext tower(tiny({1, 1, 1, 1, 1}, {4, 4, 4, 4, 6}));
  CHECK_THROWS_WITH(tower(torch::randn({1, 3, 63, 128})), testing::contains("at least 64"));
}

TEST_CASE("frozen leading stages keep nothing for backward", "[model]") {
  model::ConvNext tower(tiny({1, 1, 1, 1, 1}, {4, 4, 4, 4, 6}));
  nn::initialize(tower->blocks());
  for (auto& parameter : tower->parameters()) parameter.set_requires_grad(false);
  CHECK_FALSE(tower(torch::randn({1, 3, 64, 64})).requires_grad());
  auto last = tower->stages->ptr(4);
  for (auto& parameter : last->parameters()) parameter.set_requires_grad(true);
  tower(torch::randn({1, 3, 64, 64})).sum().backward();
  for (const auto& item : tower->named_parameters()) {
    INFO(item.key());
    CHECK(item.value().grad().defined() == (item.key().rfind("encoder.stages.4.", 0) == 0));
  }
}

TEST_CASE("activations stay channels-last through every stage", "[model]") {
  model::ConvNext tower(tiny({1, 1, 1}, {4, 8, 12}));
  nn::initialize(tower->blocks());
  CHECK(tower->feature_map(torch::randn({2, 3, 64, 64})).is_contiguous(torch::MemoryFormat::ChannelsLast));
}

TEST_CASE("fresh stages follow PyTorch's default initialisation", "[model]") {
  torch::manual_seed(1);
  model::ConvNext tower(tiny({1, 1}, {32, 64}));
  nn::initialize(tower->blocks());
  const auto parameters = tower->named_parameters();
  CHECK(parameters["encoder.stages.0.layers.0.dwconv.weight"].abs().max().item<double>() ==
        Approx(1.0 / 7).epsilon(0.02));
  CHECK(parameters["encoder.stages.1.layers.0.pwconv1.weight"].abs().max().item<double>() ==
        Approx(1.0 / 8).epsilon(0.02));
  CHECK(parameters["encoder.stages.1.downsampling_layer.1.weight"].abs().max().item<double>() ==
        Approx(1.0 / std::sqrt(128.0)).epsilon(0.02));
  CHECK(parameters["encoder.stages.1.layers.0.layer_scale_parameter"].eq(1e-6F).all().item<bool>());
}
