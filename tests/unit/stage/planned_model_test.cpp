// What a stage's model does not allow is said before anything is allocated.

#include "convllava/stage/planned_model.h"

#include "convllava/core/error.h"
#include "convllava/formats/model_directory.h"
#include "convllava/nn/libtorch.h"
#include "tests/catch.h"
#include "tests/support/errors.h"
#include "tests/support/tiny_run.h"

using namespace convllava;
using testing::contains;
using testing::Parts;
using testing::thrown;

namespace {

/// A saved model whose tower is a CLIP ViT of 64 pixels, and a run that starts from its parts.
struct ClipRun {
  ClipRun() : config(testing::tiny_run(folder.path())) {
    model::ModelConfig shape = model::named_model_config("tiny");
    auto tower = testing::tiny_clip();
    tower.image_size = 64;
    tower.patch_size = 16;
    shape.vision = std::make_shared<model::ClipVisionConfig>(tower);
    std::filesystem::create_directory(directory);
    checkpoint::Record record;
    record.image.size = 64;
    formats::save_model(directory, *model::ConvLlava(shape), testing::small_tokenizer(), record);
    config.model = {};
    config.model.vision_from = (directory / "vision_tower").string();
    config.model.llm_from = directory.string();
    config.trainable = {"vision.layers.1", "projector", "llm"};
  }

  /// Changes a field of a config.json.
  static void set(const std::filesystem::path& file, const std::string& field, const std::string& value) {
    auto text = testing::text_of(file);
    const size_t begin = text.find("\"" + field + "\": ");
    REQUIRE(begin != std::string::npos);
    const size_t end = text.find_first_of(",\n", begin);
    testing::write_text(file, text.replace(begin, end - begin, "\"" + field + "\": " + value));
  }

  stage::PlannedModel plan() const { return stage::plan_model(config, stage::Paths::kMustExist); }

  testing::TemporaryFolder folder;
  std::filesystem::path directory = folder / "clip";
  stage::RunConfig config;
};

}  // namespace

TEST_CASE("a tower of one size refuses other sizes and the native aspect", "[stage]") {
  ClipRun run;
  CHECK_NOTHROW(run.plan());
  run.config.image.aspect = image::Aspect::kNative;
  CHECK(thrown<ConfigError>([&] { run.plan(); }) == Parts{.field = "image.aspect",
                                                          .kind = "the tower takes square images only",
                                                          .got = "native",
                                                          .expected = "pad or crop"});
  run.config.image.aspect = image::Aspect::kCrop;
  run.config.image.size = 128;
  CHECK(thrown<ConfigError>([&] { run.plan(); }) ==
        Parts{.field = "image.size", .got = "128", .expected = "64 x 64 pixels"});
}

TEST_CASE("a config.json that does not match its tensors is refused before a model is allocated", "[stage]") {
  const ClipRun tower;
  ClipRun::set(tower.directory / "vision_tower/config.json", "hidden_size", "1048576");
  const auto of_tower = thrown<CheckpointError>([&] { tower.plan(); });
  CHECK(of_tower == Parts{.where = "vision_tower"});
  CHECK_THAT(of_tower.kind(), contains("with another shape") && contains("[16] for [1048576]"));

  const ClipRun language;
  ClipRun::set(language.directory / "config.json", "intermediate_size", "1048576");
  const auto of_language = thrown<CheckpointError>([&] { language.plan(); });
  CHECK_THAT(of_language.kind(), contains("llm.model.layers.0.mlp.down_proj.weight [128, 256] for [128, 1048576]"));
}
