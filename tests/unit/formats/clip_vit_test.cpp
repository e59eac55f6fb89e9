// CLIP's ViT as transformers stores it, in a model of this library and back.

#include "convllava/model/vision/clip_vit.h"

#include "convllava/formats/hf_config.h"
#include "convllava/formats/model_directory.h"
#include "tests/catch.h"
#include "tests/support/golden.h"
#include "tests/unit/formats/fixtures.h"

namespace convllava::formats {
namespace {

using namespace testing;

}  // namespace

TEST_CASE("a CLIP directory of transformers loads without its last layer", "[checkpoint]") {
  const auto config = read_vision_config(golden("clip_vit"));
  CHECK(config->model_type() == "clip_vision_model");
  const auto tower = config->make(torch::kFloat);
  CHECK(load_vision_tower(golden("clip_vit"), *tower).empty());
  const auto expected = convllava::testing::golden("model/clip_vit.safetensors");
  const torch::NoGradGuard no_grad;
  CHECK(convllava::testing::relative_difference(tower->forward(expected.tensor("pixels")),
                                                expected.tensor("features")) < 2e-6);
}

TEST_CASE("names with the prefix of older files mean the same parameters", "[checkpoint]") {
  const TemporaryFolder folder("clip");
  checkpoint::NamedTensors tensors;
  const checkpoint::ModelShards shards(golden("clip_vit"));
  for (const auto& [name, info] : shards.tensors()) tensors.emplace_back("vision_model." + name, shards.tensor(name));
  tensors.emplace_back("text_model.final_layer_norm.bias", torch::zeros({4}));
  checkpoint::write_safetensors(folder / "model.safetensors", tensors);
  std::filesystem::copy(golden("clip_vit/config.json"), folder.path());
  const auto config = read_vision_config(golden("clip_vit"));
  const auto plain = config->make(torch::kFloat);
  const auto prefixed = config->make(torch::kFloat);
  load_vision_tower(golden("clip_vit"), *plain);
  load_vision_tower(folder.path(), *prefixed);
  CHECK(same_parameters(*plain, *prefixed));
}

TEST_CASE("a model with CLIP for its tower is saved and loads again", "[checkpoint]") {
  const TemporaryFolder folder("clip");
  auto config = small_config();
  config.vision = read_vision_config(golden("clip_vit"));
  const auto saved = random_model(config);
  save(folder.path(), saved);
  CHECK(read_model_config(folder.path()) == config);
  auto loaded = random_model(config, 2);
  load_model(folder.path(), *loaded);
  CHECK(same_parameters(*loaded, *saved));
}

}  // namespace convllava::formats
