#include "convllava/model/vision/clip_vit.h"

#include "convllava/core/error.h"
#include "convllava/nn/init.h"
#include "convllava/nn/libtorch.h"
#include "tests/catch.h"
#include "tests/support/errors.h"
#include "tests/support/golden.h"
#include "tests/support/tiny_model.h"

using namespace convllava;
using testing::Parts;
using testing::thrown;
using testing::tiny_clip;

namespace {

void check_clip(bool recompute) {
  const auto file = testing::golden("model/clip_vit.safetensors");
  model::ClipVision tower(tiny_clip());
  if (recompute) tower->runner.set_recompute({"vision"});
  testing::load_parameters(*tower, file);
  const auto features = tower(file.tensor("pixels"));
  // fp32 against fp32 in another order of summation.
  CHECK(testing::relative_difference(features, file.tensor("features")) < 2e-6);
  features.backward(file.tensor("output_gradient"));
  for (const auto& item : tower->named_parameters()) {
    INFO(item.key());
    REQUIRE(item.value().grad().defined());
    const auto gradient = item.value().grad();
    if (item.key().ends_with("k_proj.bias")) {
      // The same for every key: softmax does not see it, and what is left of its gradient is rounding.
      CHECK(gradient.abs().max().item<double>() < 1e-5);
    } else {
      CHECK(testing::relative_difference(gradient, file.tensor("gradient." + item.key())) < 1e-5);
    }
  }
}

}  // namespace

TEST_CASE("CLIP's features and gradients equal transformers' CLIPVisionModel", "[model]") { check_clip(false); }

TEST_CASE("CLIP with recomputed layers gives the same features and gradients", "[model]") { check_clip(true); }

TEST_CASE("CLIP ViT-L/14 at 336 pixels has its published number of parameters", "[model]") {
  const auto tower = model::ClipVisionConfig().make(torch::kMeta);
  // 303,507,456 of CLIPVisionModel, less the last layer (12,596,224) and the norm behind it (2,048).
  CHECK(nn::count_parameters(*tower).all == 303'507'456 - 12'596'224 - 2'048);
  CHECK(tower->config().num_tokens(336, 336) == 576);
}

TEST_CASE("CLIP takes one size of images only", "[model]") {
  model::ClipVision tower(tiny_clip());
  nn::initialize(tower->blocks());
  CHECK(tower(torch::randn({2, 3, 28, 28})).sizes() == at::IntArrayRef({2, 4, 16}));
  CHECK_THROWS_WITH(tower(torch::randn({1, 3, 28, 42})), testing::contains("28 x 28 pixels"));
  CHECK(tower->config().num_tokens(28, 42) == 0);
}

TEST_CASE("a CLIP whose numbers do not fit together is invalid", "[model]") {
  auto config = tiny_clip();
  config.num_attention_heads = 3;
  const auto refusal = [&] { return thrown<ConfigError>([&] { config.validate("config.json"); }); };
  CHECK(refusal() == Parts{.where = "config.json",
                           .field = "num_attention_heads",
                           .kind = "does not divide hidden_size",
                           .got = "3",
                           .expected = "a divisor of 16"});
  config = tiny_clip();
  config.image_size = 30;
  CHECK(refusal() ==
        Parts{.field = "patch_size", .kind = "does not divide image_size", .got = "14", .expected = "a divisor of 30"});
  config = tiny_clip();
  config.num_hidden_layers = 1;
  CHECK(refusal() == Parts{.field = "num_hidden_layers", .got = "1", .expected = "at least 2"});
}
