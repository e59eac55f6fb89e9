#include "convllava/formats/weights_digest.h"

#include "convllava/formats/preprocessor_check.h"
#include "tests/catch.h"
#include "tests/support/errors.h"
#include "tests/unit/formats/fixtures.h"

namespace convllava::formats::testing {
namespace {

using convllava::testing::Parts;
using convllava::testing::thrown;

namespace fs = std::filesystem;

fs::path saved(const TemporaryFolder& folder, const std::string& name, const model::ConvLlavaImpl& model) {
  fs::create_directory(folder / name);
  save_model(folder / name, model, small_tokenizer(), small_record());
  return folder / name;
}

}  // namespace

TEST_CASE("the digest of weights is that of what they are, not of where they lie", "[checkpoint]") {
  const TemporaryFolder folder("digest");
  const auto model = random_model(small_config());
  const auto directory = saved(folder, "a", *model);
  const auto digest = weights_digest(directory);
  CHECK(digest.size() == 16);
  CHECK(weights_digest(saved(folder, "b", *model)) == digest);
  fs::rename(directory, folder / "moved");
  CHECK(weights_digest(folder / "moved") == digest);

  fs::create_directory(folder / "split");
  checkpoint::NamedTensors tensors;
  const checkpoint::ModelShards shards(folder / "moved");
  for (const auto& [name, info] : shards.tensors()) tensors.emplace_back(name, shards.tensor(name));
  checkpoint::write_model_shards(folder / "split", tensors, 20000);
  CHECK_FALSE(fs::exists(folder / "split/model.safetensors"));
  fs::copy(folder / "moved/vision_tower", folder / "split/vision_tower");
  CHECK(weights_digest(folder / "split") == digest);
}

TEST_CASE("other values, shapes, types or a step of training are other weights", "[checkpoint]") {
  const TemporaryFolder folder("digest");
  const auto config = small_config();
  const auto digest = weights_digest(saved(folder, "a", *random_model(config)));
  CHECK(weights_digest(saved(folder, "seed", *random_model(config, 2))) != digest);
  CHECK(weights_digest(saved(folder, "type", *random_model(config, 1, torch::kBFloat16))) != digest);

  const auto stepped = random_model(config);
  const torch::NoGradGuard no_grad;
  stepped->vision_tower->parameters().back().mul_(1.001);
  CHECK(weights_digest(saved(folder, "tower", *stepped)) != digest);

  const auto large = torch::arange(100000, torch::kFloat);
  const auto file_of = [&](const std::string& name, const torch::Tensor& tensor) {
    fs::create_directory(folder / name);
    checkpoint::write_safetensors(folder / name / "model.safetensors", {{"large", tensor}});
    return weights_digest(folder / name);
  };
  const auto of_large = file_of("large", large);
  CHECK(file_of("moved on", large * 1.0001) != of_large);
  CHECK(file_of("shape", large.view({1000, 100})) != of_large);
  auto last = large.clone();
  last[-1] = 0;
  CHECK(file_of("last", last) != of_large);
  CHECK(thrown<CheckpointError>([&] { weights_digest(folder / "none"); }) ==
        Parts{.where = (folder / "none").string()});
}

TEST_CASE("a preprocessor that gives the tower other numbers is refused by name", "[checkpoint]") {
  const TemporaryFolder folder("preprocessor");
  CHECK_NOTHROW(check_preprocessor(folder.path(), image::kClipPixels));
  const auto check = [&](const std::string& json) {
    folder.write("preprocessor_config.json", json);
    check_preprocessor(folder.path(), image::kClipPixels);
  };
  const auto refusal = [&](const std::string& json) { return thrown<CheckpointError>([&] { check(json); }); };
  // Hugging Face's CLIPImageProcessor and ConvNextImageProcessor write these.
  CHECK_NOTHROW(
      check(R"({"image_mean": [0.48145466, 0.4578275, 0.40821073], "image_std": [0.26862954, 0.26130258, 0.27577711],
                    "do_normalize": true, "do_rescale": true, "rescale_factor": 0.00392156862745098, "resample": 3})"));
  CHECK_NOTHROW(check(R"({"image_mean": [0.4815, 0.4578, 0.4082]})"));
  const std::string file = (folder / "preprocessor_config.json").string();
  CHECK(refusal(R"({"image_mean": [0.485, 0.456, 0.406]})") ==
        Parts{.where = file,
              .field = "image_mean",
              .got = "[0.485,0.456,0.406]",
              .expected = "the tower's [0.48145466, 0.4578275, 0.40821073]"});
  CHECK(refusal(R"({"image_std": [0.229, 0.224, 0.225]})") == Parts{.field = "image_std"});
  CHECK(refusal(R"({"image_mean": [0.48145466]})") == Parts{.field = "image_mean", .kind = "not supported"});
  CHECK(refusal(R"({"image_mean": "CLIP"})") == Parts{.field = "image_mean", .kind = "wrong type"});
  CHECK(refusal(R"({"do_normalize": false})") == Parts{.field = "do_normalize", .got = "false", .expected = "true"});
  CHECK(refusal(R"({"do_rescale": false})") == Parts{.field = "do_rescale"});
  CHECK(refusal(R"({"rescale_factor": 0.00784313725490196})") == Parts{.field = "rescale_factor"});
  CHECK(refusal(R"({"resample": 2})") == Parts{.field = "resample", .got = "2", .expected = "3 (bicubic)"});
}

}  // namespace convllava::formats::testing
