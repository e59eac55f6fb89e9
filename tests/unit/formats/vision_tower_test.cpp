#include <functional>
#include <map>

#include "convllava/formats/hf_config.h"
#include "convllava/formats/model_directory.h"
#include "tests/catch.h"
#include "tests/support/errors.h"
#include "tests/unit/formats/fixtures.h"

// Towers that other libraries wrote, checked by what their own forward pass makes of the same pixels.

namespace convllava::formats {
namespace {

using namespace testing;
using convllava::testing::contains;
using convllava::testing::convnext;
using convllava::testing::convnext_of;
using convllava::testing::Parts;
using convllava::testing::thrown;

model::ConvNextConfig with_stages(std::vector<int64_t> depths, std::vector<int64_t> hidden_sizes) {
  return *convnext(std::move(depths), std::move(hidden_sizes));
}

model::ConvNext random_tower(const model::ConvNextConfig& config) {
  model::ConvNext tower(config);
  randomize(*tower, 3);
  return tower;
}

/// Largest difference between the tower's feature map and that of the library which wrote the golden.
double difference(model::ConvNext& tower, const std::string& name) {
  const torch::NoGradGuard no_grad;
  const checkpoint::SafetensorsFile expected(golden("expected/" + name + ".safetensors"));
  const auto features = tower->feature_map(expected.tensor("pixels"));
  REQUIRE(features.sizes() == expected.tensor("features").sizes());
  return (features - expected.tensor("features")).abs().max().item<double>();
}

/// The tensors of a golden tower under other names.
checkpoint::NamedTensors renamed(const std::string& name,
                                 const std::function<std::string(const std::string&)>& rename) {
  checkpoint::NamedTensors tensors;
  const checkpoint::ModelShards shards(golden(name));
  for (const auto& [tensor, info] : shards.tensors()) tensors.emplace_back(rename(tensor), shards.tensor(tensor));
  return tensors;
}

CheckpointError load_error(const std::filesystem::path& directory, model::ConvNext tower) {
  return thrown<CheckpointError>([&] { load_vision_tower(directory, *tower); });
}

}  // namespace

TEST_CASE("a tower of transformers, OpenCLIP or timm computes what its own library does", "[checkpoint]") {
  for (const std::string name : {"convnext", "openclip", "timm"}) {
    INFO(name);
    model::ConvNext tower = random_tower(convnext_of(read_vision_config(golden(name))));
    CHECK(load_vision_tower(golden(name), *tower).empty());
    CHECK(difference(tower, name) < 2e-5);
  }
}

TEST_CASE("names with the prefix of the classifier class are read", "[checkpoint]") {
  const TemporaryFolder folder("prefix");
  auto tensors = renamed("convnext", [](const std::string& name) { return "convnext." + name; });
  tensors.emplace_back("classifier.weight", torch::zeros({3, 8}));
  checkpoint::write_safetensors(folder / "model.safetensors", tensors);
  model::ConvNext tower = random_tower(with_stages({1, 2}, {4, 8}));
  CHECK(load_vision_tower(folder.path(), *tower).empty());
  CHECK(difference(tower, "convnext") < 2e-5);
}

TEST_CASE("further stages of the tower keep their values", "[checkpoint]") {
  model::ConvNext tower = random_tower(with_stages({1, 2, 1}, {4, 8, 16}));
  std::map<std::string, torch::Tensor> before;
  for (const auto& parameter : tower->named_parameters()) before[parameter.key()] = parameter.value().clone();
  std::vector<std::string> missing;
  for (const auto& block : load_vision_tower(golden("convnext"), *tower)) missing.push_back(block.path);
  CHECK(missing == std::vector<std::string>{"vision.stages.3.downsampling_layer", "vision.stages.3.layers.0"});
  for (const auto& parameter : tower->named_parameters()) {
    INFO(parameter.key());
    const bool added = parameter.key().rfind("encoder.stages.2.", 0) == 0;
    CHECK(torch::equal(parameter.value(), before[parameter.key()]) == added);
  }
}

TEST_CASE("a tower is read in the type of the model", "[checkpoint]") {
  model::ConvNext tower(with_stages({1, 2}, {4, 8}), torch::TensorOptions().dtype(torch::kBFloat16));
  load_vision_tower(golden("convnext"), *tower);
  const auto stored =
      checkpoint::SafetensorsFile(golden("convnext/model.safetensors")).tensor("embeddings.patch_embeddings.weight");
  CHECK(torch::equal(tower->patch_embeddings->weight, stored.to(torch::kBFloat16)));
}

TEST_CASE("the tower of a ConvLLaVA checkpoint is taken from its folder", "[checkpoint]") {
  const TemporaryFolder folder("convllava");
  const auto model = random_model(small_config());
  save_model(folder.path(), *model, small_tokenizer(), small_record());
  CHECK(read_vision_config(folder.path())->equals(small_config().tower()));
  model::ConvNext tower = random_tower(convnext_of(small_config().vision));
  CHECK(load_vision_tower(folder.path(), *tower).empty());
  CHECK(same_parameters(*tower, *model->vision_tower));
}

TEST_CASE("a tower that does not fit lists what is wrong", "[checkpoint]") {
  const auto fewer_stages = load_error(golden("convnext"), random_tower(with_stages({1}, {4})));
  CHECK(fewer_stages == Parts{.where = "convnext"});
  CHECK_THAT(fewer_stages.kind(),
             contains("\n  22 unexpected: ") && contains("encoder.stages.1.downsampling_layer.0.bias, "));

  const auto more_blocks = load_error(golden("convnext"), random_tower(with_stages({2, 2}, {4, 8})));
  CHECK_THAT(more_blocks.kind(), contains("9 missing: vision_tower.encoder.stages.0.layers.1."));

  const auto wider = load_error(golden("openclip"), random_tower(with_stages({1, 1, 2, 1}, {4, 4, 8, 16})));
  CHECK_THAT(wider.kind(),
             contains("with another shape: ") &&
                 contains("vision_tower.encoder.stages.3.downsampling_layer.1.weight [8, 8, 2, 2] for [16, 8, 2, 2]"));
}

TEST_CASE("a block that is missing in the last stage of the file is not fresh", "[checkpoint]") {
  const auto deeper = load_error(golden("convnext"), random_tower(with_stages({1, 3, 1}, {4, 8, 8})));
  CHECK_THAT(deeper.kind(), contains("9 missing: vision_tower.encoder.stages.1.layers.2."));
}

TEST_CASE("a stage that is missing in the middle is not passed over", "[checkpoint]") {
  const TemporaryFolder folder("gap");
  checkpoint::NamedTensors tensors;
  for (auto& entry : renamed("timm", [](const std::string& name) { return name; })) {
    if (entry.first.rfind("stages.1.", 0) != 0) tensors.push_back(std::move(entry));
  }
  checkpoint::write_safetensors(folder / "model.safetensors", tensors);
  CHECK_THAT(load_error(folder.path(), random_tower(with_stages({1, 1, 2, 1}, {4, 4, 8, 8}))).kind(),
             contains("13 missing: vision_tower.encoder.stages.1."));
}

TEST_CASE("a tower alone, without any JSON file, has the default image options", "[checkpoint]") {
  const TemporaryFolder log("log");
  const CapturedStderr captured(log / "stderr");
  const auto options = read_image_options(golden("openclip"), *read_vision_config(golden("openclip")));
  CHECK(options.size == 768);
  CHECK(options.aspect == image::Aspect::kCrop);
}

TEST_CASE("a file without a tower is refused", "[checkpoint]") {
  const TemporaryFolder folder("none");
  checkpoint::write_safetensors(folder / "model.safetensors", {{"text_projection", torch::zeros({2})}});
  CHECK(load_error(folder.path(), random_tower(with_stages({1}, {4}))) ==
        Parts{.expected = "the tensors of a convnext"});
}

TEST_CASE("two tensors for one parameter are refused", "[checkpoint]") {
  const TemporaryFolder folder("double");
  auto tensors = renamed("convnext", [](const std::string& name) { return name; });
  tensors.emplace_back("convnext.embeddings.layernorm.bias", torch::zeros({4}));
  checkpoint::write_safetensors(folder / "model.safetensors", tensors);
  CHECK(load_error(folder.path(), random_tower(with_stages({1, 2}, {4, 8}))) ==
        Parts{.kind = "two tensors for vision_tower.embeddings.layernorm.bias",
              .got = "convnext.embeddings.layernorm.bias and embeddings.layernorm.bias"});
}

}  // namespace convllava::formats
