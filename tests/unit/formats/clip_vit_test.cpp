// CLIP's ViT as transformers stores it, in a model of this library and back.

#include "convllava/model/vision/clip_vit.h"

#include "convllava/formats/hf_config.h"
#include "convllava/formats/model_directory.h"
#include "tests/catch.h"
#include "tests/support/errors.h"
#include "tests/support/golden.h"
#include "tests/unit/formats/fixtures.h"

namespace convllava::formats {
namespace {

using namespace testing;
using convllava::testing::Parts;
using convllava::testing::thrown;

checkpoint::NamedTensors tensors_of(const std::string& directory, const std::string& prefix = "") {
  checkpoint::NamedTensors tensors;
  const checkpoint::ModelShards shards(golden(directory));
  for (const auto& [name, info] : shards.tensors()) tensors.emplace_back(prefix + name, shards.tensor(name));
  return tensors;
}

}  // namespace

TEST_CASE("a CLIP directory of transformers loads without its last layer", "[checkpoint]") {
  // The same network alone, and beside a text tower as the published files have it.
  for (const char* directory : {"clip_vit", "clip_model"}) {
    INFO(directory);
    const auto config = read_vision_config(golden(directory));
    CHECK(config->model_type() == "clip_vision_model");
    const auto tower = config->make(torch::kFloat);
    CHECK(load_vision_tower(golden(directory), *tower).empty());
    const auto expected = convllava::testing::golden("model/clip_vit.safetensors");
    const torch::NoGradGuard no_grad;
    CHECK(convllava::testing::relative_difference(tower->forward(expected.tensor("pixels")),
                                                  expected.tensor("features")) < 2e-6);
  }
}

TEST_CASE("images have the only size of a CLIP tower where no preprocessor_config.json says it", "[checkpoint]") {
  const TemporaryFolder log("log");
  CapturedStderr captured(log / "stderr");
  CHECK(read_image_options(golden("clip_vit"), *read_vision_config(golden("clip_vit"))).size == 28);
  CHECK(captured.text().empty());
}

TEST_CASE("a CLIP file without its layers is refused", "[checkpoint]") {
  const TemporaryFolder folder("clip");
  auto tensors = tensors_of("clip_vit");
  std::erase_if(tensors, [](const auto& entry) { return entry.first.find("encoder.layers.") != std::string::npos; });
  checkpoint::write_safetensors(folder / "model.safetensors", tensors);
  std::filesystem::copy(golden("clip_vit/config.json"), folder.path());
  const auto tower = read_vision_config(folder.path())->make(torch::kFloat);
  const auto error = thrown<CheckpointError>([&] { load_vision_tower(folder.path(), *tower); });
  CHECK_THAT(error.kind(), convllava::testing::contains("32 missing: vision_tower.vision_model.encoder.layers.0."));
}

TEST_CASE("names with the prefix of older files mean the same parameters", "[checkpoint]") {
  const TemporaryFolder folder("clip");
  auto tensors = tensors_of("clip_vit", "vision_model.");
  tensors.emplace_back("text_model.final_layer_norm.bias", torch::zeros({4}));
  checkpoint::write_safetensors(folder / "model.safetensors", tensors);
  std::filesystem::copy(golden("clip_vit/config.json"), folder.path());
  const auto config = read_vision_config(golden("clip_vit"));
  const auto plain = config->make(torch::kFloat);
  const auto prefixed = config->make(torch::kFloat);
  CHECK(load_vision_tower(golden("clip_vit"), *plain).empty());
  CHECK(load_vision_tower(folder.path(), *prefixed).empty());
  CHECK(same_parameters(*plain, *prefixed));
}

TEST_CASE("a model with CLIP for its tower is saved and loads again", "[checkpoint]") {
  const TemporaryFolder folder("clip");
  auto config = small_config();
  config.vision = read_vision_config(golden("clip_vit"));
  const auto saved = random_model(config);
  save(folder.path(), saved);
  CHECK(read_model_config(folder.path()) == config);
  // LLaVA's programs take the features from this one of the states.
  const std::string layer = "\"mm_vision_select_layer\": -2";
  std::string text = text_of(folder / "config.json");
  REQUIRE(text.find(layer) != std::string::npos);
  auto loaded = random_model(config, 2);
  load_model(folder.path(), *loaded);
  CHECK(same_parameters(*loaded, *saved));
  write_text(folder / "config.json", text.replace(text.find(layer), layer.size(), "\"mm_vision_select_layer\": -1"));
  CHECK(thrown<CheckpointError>([&] { read_model_config(folder.path()); }) ==
        Parts{.field = "mm_vision_select_layer", .got = "-1", .expected = "-2"});
}

}  // namespace convllava::formats
