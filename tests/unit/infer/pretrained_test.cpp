#include "convllava/infer/pretrained.h"

#include "tests/catch.h"
#include "tests/support/errors.h"
#include "tests/unit/formats/fixtures.h"

namespace convllava::infer {
namespace {

using namespace formats::testing;
using convllava::testing::contains;
using convllava::testing::Parts;
using convllava::testing::thrown;

Pretrained open(const std::filesystem::path& directory) {
  return load_pretrained(directory, torch::kCPU, torch::kFloat32);
}

void save(const std::filesystem::path& directory, const model::ModelConfig& shape, image::Aspect aspect) {
  auto record = small_record();
  record.image.aspect = aspect;
  record.prompt_template = text::Template::kLlavaV1;
  formats::save_model(directory, *random_model(shape), small_tokenizer(), record);
}

}  // namespace

TEST_CASE("a checkpoint opens with nothing but its path", "[checkpoint]") {
  const TemporaryFolder folder("own");
  save(folder.path(), small_config(), image::Aspect::kNative);
  const auto opened = open(folder.path());
  CHECK(same_parameters(*opened.model, *random_model(small_config())));
  CHECK(opened.tokenizer == small_tokenizer());
  const auto options = answer_options(opened.record);
  CHECK(options.prompt_template == text::Template::kLlavaV1);
  CHECK(options.image.size == 320);
  CHECK(options.image.aspect == image::Aspect::kNative);
}

TEST_CASE("a ConvLLaVA directory without a record opens whole, with the published template", "[checkpoint]") {
  for (const auto aspect : {image::Aspect::kPad, image::Aspect::kNative, image::Aspect::kCrop}) {
    const TemporaryFolder folder("others");
    save(folder.path(), small_config(), aspect);
    std::filesystem::remove(folder / "convllava.yaml");
    const auto opened = open(folder.path());
    CHECK(same_parameters(*opened.model, *random_model(small_config())));
    CHECK(opened.record.prompt_template == text::Template::kV1);
    CHECK(opened.record.image.aspect == aspect);
    CHECK(opened.record.image.size == 320);
    CHECK(opened.record.max_length == small_config().llm.max_position_embeddings);
  }
}

TEST_CASE("unsupported settings of generation_config.json are reported", "[checkpoint]") {
  const TemporaryFolder folder("generation");
  save(folder.path(), small_config(), image::Aspect::kPad);
  const auto log_with = [&](const std::string& settings) {
    write_text(folder / "generation_config.json", settings);
    CapturedStderr log(folder / "log");
    open(folder.path());
    return log.text();
  };
  CHECK_THAT(
      log_with(R"({"repetition_penalty": 1.2, "min_length": 3, "stop_strings": ["."], "temperature": 0.9})"),
      contains("generation_config.json: repetition_penalty, min_length, stop_strings without effect: answers are "
               "decoded greedily"));
  CHECK(log_with(R"({"repetition_penalty": 1.0, "min_length": 0, "top_p": 0.6, "stop_strings": null})").empty());
}

TEST_CASE("a LLaMA directory opens as a model without vision", "[checkpoint]") {
  const TemporaryFolder folder("llama");
  auto shape = small_config();
  shape.vision = nullptr;
  save(folder.path(), shape, image::Aspect::kPad);
  std::filesystem::remove(folder / "convllava.yaml");
  const auto opened = open(folder.path());
  CHECK(same_parameters(*opened.model, *random_model(shape)));
  CHECK(opened.record.prompt_template == text::Template::kPlain);
}

TEST_CASE("a run folder opens as its newest checkpoint, a tower also alone", "[checkpoint]") {
  const TemporaryFolder folder("run");
  for (const std::string step : {"checkpoint-3", "checkpoint-20"}) {
    std::filesystem::create_directory(folder / step);
    save(folder / step, small_config(), step == "checkpoint-20" ? image::Aspect::kNative : image::Aspect::kPad);
  }
  const auto opened = open(folder.path());
  CHECK(same_parameters(*opened.model, *random_model(small_config())));
  CHECK(opened.record.image.aspect == image::Aspect::kNative);

  const auto expected = random_model(small_config());
  for (const auto& path : {folder.path(), folder / "checkpoint-20"}) {
    const auto tower = load_pretrained_tower(path, torch::kCPU);
    CHECK(same_parameters(*tower.tower, *expected->vision_tower));
    CHECK_FALSE(tower.tower->is_training());
    CHECK(tower.image.size == 320);
    CHECK(tower.image.aspect == image::Aspect::kNative);
  }
  // A ConvNeXt directory has no record; CLIP's images are cropped.
  const auto alone = load_pretrained_tower(folder / "checkpoint-20/vision_tower", torch::kCPU);
  CHECK(same_parameters(*alone.tower, *expected->vision_tower));
  CHECK(alone.image.size == 320);
  CHECK(alone.image.aspect == image::Aspect::kCrop);
  CHECK(thrown<CheckpointError>([&] { load_pretrained_tower(folder / "none", torch::kCPU); }) ==
        Parts{.where = "none", .kind = "no checkpoint here"});
}

TEST_CASE("a tokenizer with more tokens than the model has embeddings is refused", "[checkpoint]") {
  const TemporaryFolder folder("tokens");
  auto shape = small_config();
  shape.llm.vocab_size = 300;
  save(folder.path(), shape, image::Aspect::kPad);
  CHECK(thrown<CheckpointError>([&] { open(folder.path()); }) ==
        Parts{.where = folder.path().string(),
              .kind = "the tokenizer has more tokens than the language model has embeddings",
              .got = "600",
              .expected = "at most 300"});
}

TEST_CASE("a config.json that does not describe the weights is refused before a model is allocated", "[checkpoint]") {
  const TemporaryFolder folder("outline");
  save(folder.path(), small_config(), image::Aspect::kPad);
  auto json = text_of(folder / "config.json");
  json.replace(json.find("\"vocab_size\": 600"), 17, "\"vocab_size\": 16777216");
  json.replace(json.find("\"hidden_size\": 32"), 17, "\"hidden_size\": 1048576");  // 140 TB of weights
  json.replace(json.find("\"head_dim\": 8"), 13, "\"head_dim\": 262144");
  write_text(folder / "config.json", json);
  CHECK_THAT(thrown<CheckpointError>([&] { open(folder.path()); }).kind(),
             contains("its tensors do not match the model") &&
                 contains("llm.model.embed_tokens.weight [600, 32] for [16777216, 1048576]"));
}

}  // namespace convllava::infer
