// What a directory states counts, or is refused where it contradicts the configuration.

#include <nlohmann/json.hpp>

#include "convllava/core/error.h"
#include "convllava/core/files.h"
#include "convllava/formats/model_directory.h"
#include "convllava/nn/libtorch.h"
#include "convllava/setup/build_model.h"
#include "tests/catch.h"
#include "tests/support/errors.h"
#include "tests/support/files.h"
#include "tests/support/tiny_model.h"

using namespace convllava;
using namespace convllava::setup;
using testing::convnext_of;
using testing::Parts;
using testing::thrown;
namespace fs = std::filesystem;

constexpr const char* kStagesDiffer = "its stages differ from the first stages of the tower";

namespace {

/// A checkpoint with a tower of four stages, none of whose numbers is a default.
struct Directory {
  Directory() {
    shape = model::named_model_config("tiny");
    auto tower = testing::convnext({1, 1, 2, 1}, {32, 64, 128, 192}, 0.25);
    tower->patch_size = 2;
    tower->layer_norm_eps = 1e-5;
    shape.vision = tower;
    shape.llm.rms_norm_eps = 1e-4;
    shape.llm.rope_theta = 5000;
    save();
  }
  void save() const {
    fs::remove_all(path());
    fs::create_directory(path());
    checkpoint::Record record;
    record.image.size = 64;
    formats::save_model(path(), *model::ConvLlava(shape), testing::small_tokenizer(), record);
  }
  void set_tower(std::vector<int64_t> depths, int64_t patch_size, double eps) {
    auto tower = convnext_of(shape.vision);
    tower.depths = std::move(depths);
    tower.patch_size = patch_size;
    tower.layer_norm_eps = eps;
    shape.vision = std::make_shared<model::ConvNextConfig>(tower);
  }
  std::string path() const { return (folder / "model").string(); }
  std::string tower() const { return path() + "/vision_tower"; }

  testing::TemporaryFolder folder;
  model::ModelConfig shape;
};

ConfigError refusal(const ModelSource& source) {
  return thrown<ConfigError>([&] { resolve_model_shape(source); });
}

ModelSource tiny_with_tower(const std::string& tower) {
  ModelSource source;
  source.size = "tiny";
  source.vision_from = tower;
  source.layer_scale_init_value = 1;
  return source;
}

}  // namespace

TEST_CASE("a tower's directory decides the norms' epsilon and the patches, also beside a size", "[train]") {
  const Directory directory;
  const auto shape = resolve_model_shape(tiny_with_tower(directory.tower()));
  const auto& tower = convnext_of(shape.vision);
  CHECK(tower.layer_norm_eps == 1e-5);
  CHECK(tower.patch_size == 2);
  CHECK(tower.depths == std::vector<int64_t>{1, 1, 2, 1, 1});
  CHECK(tower.layer_scale_init_value == 1);
  CHECK(shape.llm == model::named_model_config("tiny").llm);
}

TEST_CASE("a language model's directory decides all of its numbers, also beside a size", "[train]") {
  const Directory directory;
  ModelSource source;
  source.size = "tiny";
  source.llm_from = directory.path();
  CHECK(resolve_model_shape(source).llm == directory.shape.llm);
}

TEST_CASE("a tower whose stages are not the first ones of the size is refused", "[train]") {
  Directory directory;
  directory.set_tower({1, 2, 2, 1}, 2, 1e-5);
  directory.save();
  CHECK(refusal(tiny_with_tower(directory.tower())) ==
        Parts{.field = "model.vision_from",
              .kind = kStagesDiffer,
              .got = "depths [1, 2, 2, 1] and hidden sizes [32, 64, 128, 192] in " + directory.tower(),
              .expected = "the first of [1, 1, 2, 1, 1] and [32, 64, 128, 192, 256] (model.size, vision_depths, "
                          "vision_hidden_sizes)"});
  auto source = tiny_with_tower(directory.tower());
  source.vision_depths = {1, 2, 2, 1, 3};
  CHECK_NOTHROW(resolve_model_shape(source));
  source.vision_depths = {1, 2, 2};
  source.vision_hidden_sizes = {32, 64, 128};
  CHECK(refusal(source) == Parts{.field = "model.vision_from", .kind = kStagesDiffer});
}

TEST_CASE("an initial layer scale must be distinct and have an effect", "[train]") {
  const Directory directory;
  auto source = tiny_with_tower(directory.tower());
  source.layer_scale_init_value = 0;
  CHECK(refusal(source) ==
        Parts{.field = "model.layer_scale_init_value",
              .kind = "model.size and model.vision_from have different values. Set one for the new stages",
              .got = "1 of tiny and 0.25 of " + directory.tower(),
              .expected = "one value"});
  source.vision_depths = convnext_of(directory.shape.vision).depths;
  source.vision_hidden_sizes = convnext_of(directory.shape.vision).hidden_sizes;
  CHECK_NOTHROW(resolve_model_shape(source));
  source.layer_scale_init_value = 1;
  CHECK(refusal(source) == Parts{.field = "model.layer_scale_init_value",
                                 .kind = "has no effect: model.vision_from has every stage of the tower",
                                 .got = "1",
                                 .expected = "no value"});
}

TEST_CASE("a size that is not the checkpoint's is refused by the first number", "[train]") {
  Directory directory;
  ModelSource source;
  source.size = "tiny";
  source.from = directory.path();
  CHECK(refusal(source) ==
        Parts{.field = "model.size",
              .kind = "differs from the checkpoint in model.from",
              .got = "vision depths [1, 1, 2, 1, 1] of tiny",
              .expected = "[1, 1, 2, 1] as in " + directory.path() + ": the size of the checkpoint, or none"});
  const auto tiny = model::named_model_config("tiny");
  directory.shape = tiny;
  directory.set_tower({1, 1, 2, 1, 1}, 8, 1e-6);
  directory.save();
  CHECK(refusal(source) == Parts{.got = "vision patch_size 4 of tiny"});
  directory.shape = tiny;
  directory.shape.llm.rope_theta = 5000;
  directory.save();
  CHECK(refusal(source) == Parts{.got = "rope_theta 10000 of tiny"});
  directory.shape.llm = tiny.llm;
  directory.set_tower({1, 1, 2, 1, 1}, 4, 1e-5);  // no number of the size's
  directory.save();
  CHECK(convnext_of(resolve_model_shape(source).vision).layer_norm_eps == 1e-5);
}

TEST_CASE("images that a tower expects otherwise prepared are refused, wherever it comes from", "[train]") {
  const Directory directory;
  const auto file = fs::path(directory.tower()) / "preprocessor_config.json";
  auto json = nlohmann::json::parse(core::read_file(file));
  json["image_mean"] = {0.485, 0.456, 0.406};
  testing::write_text(file, json.dump());
  const auto refusal_of = [](const ModelSource& source) {
    return thrown<CheckpointError>([&] { resolve_model_shape(source); });
  };
  CHECK(refusal_of(tiny_with_tower(directory.tower())) == Parts{.field = "image_mean"});
  ModelSource source;
  source.from = directory.path();
  CHECK(refusal_of(source) == Parts{.field = "image_mean"});
}

TEST_CASE("a tower of another family comes from its directory, and options of ConvNeXt are refused for it", "[train]") {
  const Directory directory;
  ModelSource source;
  source.vision_from = CONVLLAVA_SOURCE_DIR "/tests/golden/checkpoint/clip_vit";
  source.llm_from = directory.path();
  CHECK(resolve_model_shape(source).tower().model_type() == "clip_vision_model");
  source.vision_depths = {1, 1};
  CHECK(refusal(source) == Parts{.field = "model.vision_depths",
                                 .kind = "is an option of ConvNeXt",
                                 .got = "clip_vision_model",
                                 .expected = "no value"});
  source.vision_depths = {};
  source.size = "tiny";
  CHECK(refusal(source) ==
        Parts{.field = "model.vision_from",
              .kind = "its tower is not that of model.size",
              .got = "clip_vision_model in " + source.vision_from,
              .expected = "convnext of tiny; or no model.size, and the shapes of vision_from and llm_from"});
}
