#include "convllava/model/training_flops.h"

#include <fstream>
#include <nlohmann/json.hpp>

#include "convllava/model/convllava.h"
#include "convllava/nn/libtorch.h"
#include "tests/catch.h"
#include "tests/support/tiny_model.h"

using namespace convllava;

namespace {

/// A model without memory that trains the parameters whose names begin with one of `trained`.
model::ConvLlava outline(const model::ModelConfig& config, const std::vector<std::string>& trained) {
  model::ConvLlava model(config, torch::TensorOptions(torch::kMeta));
  for (auto& parameter : model->named_parameters()) {
    bool trains = false;
    for (const auto& prefix : trained) trains |= parameter.key().starts_with(prefix);
    parameter.value().set_requires_grad(trains);
  }
  return model;
}

/// One square image in front of `text` tokens, of which `supervised` are learnt.
nn::BatchShape sample(int64_t pixels, int64_t text, int64_t supervised) {
  const int64_t visual = pixels / 64 * (pixels / 64);
  nn::BatchShape batch{visual + text, visual, supervised, {visual + text}, {}};
  if (pixels > 0) batch.images.push_back({pixels, pixels, 1});
  return batch;
}

double teraflops(const std::vector<std::string>& trained, const nn::BatchShape& batch) {
  return model::TrainingFlops(outline(model::named_model_config("convllava-7b"), trained)->blocks())(batch) / 1e12;
}

nlohmann::json read_golden() {
  std::ifstream file(CONVLLAVA_SOURCE_DIR "/tests/golden/model/training_flops.json");
  return nlohmann::json::parse(file);
}

Approx about(double value) { return Approx(value).epsilon(0.005); }

}  // namespace

TEST_CASE("training costs what torch counts in forward and backward of the reference model", "[model]") {
  model::ModelConfig config;
  config.vision = testing::convnext({1, 1, 2, 1, 1}, {8, 12, 16, 20, 24});
  config.llm = testing::tiny_llama();
  const auto cases = read_golden().at("cases");
  REQUIRE(cases.size() == 14);
  for (const auto& item : cases) {
    INFO(item.dump());
    const int64_t visual = item.at("visual_tokens");
    const int64_t tokens = visual + item.at("text_tokens").get<int64_t>();
    nn::BatchShape batch{tokens, visual, item.at("supervised_tokens"), {tokens}, {}};
    if (visual > 0) batch.images.push_back({item.at("height"), item.at("width"), 1});
    CHECK(model::TrainingFlops(outline(config, item.at("trained"))->blocks())(batch) == item.at("flops").get<double>());
  }
}

TEST_CASE("a CLIP tower costs what torch counts in CLIPVisionModel", "[model]") {
  const auto expected = read_golden().at("clip");
  nn::BatchShape batch;
  batch.images.push_back({28, 28, expected.at("images")});
  const auto tower = testing::tiny_clip().make(torch::kMeta);
  CHECK(model::TrainingFlops(tower->blocks())(batch) == expected.at("training").get<double>());
  for (auto& parameter : tower->parameters()) parameter.set_requires_grad(false);
  CHECK(model::TrainingFlops(tower->blocks())(batch) == expected.at("forward").get<double>());
}

TEST_CASE("ConvNeXt-L counts the 34.4 GMAC at 224 pixels that timm gives", "[model]") {
  model::ModelConfig config;
  config.vision = testing::convnext({3, 3, 27, 3}, {192, 384, 768, 1536});
  nn::BatchShape image;
  image.images.push_back({224, 224, 1});
  CHECK(model::TrainingFlops(outline(config, {})->blocks())(image) == about(2 * 34.4e9));
}

// Worked out by hand from the layers' sizes: 2 (48 C1 h^2 + sum of 4 C' C h^2 + blocks h^2 (8 C^2 + 49 C)) for the
// tower, 2 S P + 2 S^2 d layers + 2 R V d for the language model, times the passes of each part;
// three passes of attention, 2 S^2 d layers, wherever gradients pass.
TEST_CASE("the paper's stages cost what their trained parts ask for", "[model]") {
  const std::string stages = "vision_tower.encoder.stages.";
  SECTION("stage 1: the fifth stage and the projector; gradients pass through the language model") {
    CHECK(teraflops({stages + "4", "mm_projector"}, sample(768, 256, 154)) == about(11.84));
    CHECK(teraflops({stages + "4", "mm_projector"}, sample(1536, 256, 154)) == about(27.2));
  }
  SECTION("stage 2: everything but the first two stages") {
    const std::vector<std::string> trained = {stages + "2", stages + "3", stages + "4", "mm_projector", "llm"};
    CHECK(teraflops(trained, sample(768, 256, 154)) == about(18.4));
    CHECK(teraflops(trained, sample(1536, 256, 154)) == about(43.3));
  }
  SECTION("stage 3: the projector and the language model") {
    CHECK(teraflops({"mm_projector", "llm"}, sample(768, 256, 154)) == about(16.8));
    CHECK(teraflops({"mm_projector", "llm"}, sample(1536, 512, 307)) == about(47.3));
  }
}

TEST_CASE("a text costs no vision, and packed sequences do not attend to each other", "[model]") {
  const model::TrainingFlops flops(outline(model::named_model_config("convllava-7b"), {"llm"})->blocks());
  const double alone = flops(sample(0, 300, 100));
  CHECK(alone == about(3e12 * (2 * 300 * 6.476e-3 + 2 * 300 * 300 * 4096.0 * 32 / 1e12 + 2 * 100 * 131.07e-6)));
  auto packed = sample(0, 600, 200);
  packed.sequences = {300, 300};
  CHECK(flops(packed) == Approx(2 * alone));
}
