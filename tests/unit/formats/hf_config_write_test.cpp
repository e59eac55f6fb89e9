// The JSON files beside saved weights.

#include <nlohmann/json.hpp>

#include "convllava/formats/hf_config.h"
#include "convllava/text/sentencepiece_tokenizer.h"
#include "tests/catch.h"
#include "tests/unit/formats/fixtures.h"

namespace convllava::formats {
namespace {

using namespace testing;
using convllava::testing::convnext_of;
using Json = nlohmann::json;

Json json_of(const std::filesystem::path& path) { return Json::parse(text_of(path)); }

}  // namespace

TEST_CASE("config.json of a ConvLLaVA checkpoint has LLaVA's fields with this model's values", "[checkpoint]") {
  const TemporaryFolder folder("written");
  write_model_json(folder.path(), small_config(), small_record(), torch::kBFloat16);
  const auto json = json_of(folder / "config.json");
  const auto expected = Json::parse(R"({
    "architectures": ["LlavaLlamaForCausalLM"], "model_type": "llava_llama", "torch_dtype": "bfloat16",
    "hidden_size": 32, "num_key_value_heads": 2, "rope_theta": 5000.0, "rms_norm_eps": 1e-4, "head_dim": 8,
    "mm_vision_tower": "vision_tower", "mm_hidden_size": 12, "mm_projector_type": "mlp2x_gelu",
    "mm_vision_select_layer": -1, "mm_vision_select_feature": "patch", "mm_patch_merge_type": "flat",
    "mm_use_im_start_end": false, "mm_use_im_patch_token": false, "image_aspect_ratio": "pad",
    "tokenizer_model_max_length": 80, "tokenizer_padding_side": "right", "tune_mm_mlp_adapter": false,
    "freeze_mm_mlp_adapter": false, "tune_vision_tower": true, "tune_entire_model": true, "use_mm_proj": true,
    "vision_tower_lr": 1e-5, "pretraining_tp": 1, "use_cache": true})");
  for (const auto& [field, value] : expected.items()) {
    INFO(field);
    CHECK(json.at(field) == value);
  }
  for (const char* field : {"image_grid_pinpoints", "mm_projector_lr", "rope_scaling"}) CHECK(json.at(field).is_null());
  CHECK(read_language_config(folder.path()) == small_config().llm);
  CHECK(json_of(folder / "generation_config.json") ==
        Json::parse(R"({"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0, "max_length": 96})"));
}

TEST_CASE("LLaVA's training flags follow the trainable set", "[checkpoint]") {
  const TemporaryFolder folder("flags");
  auto record = small_record();
  record.run.trainable = {"projector"};
  write_model_json(folder.path(), small_config(), record, torch::kFloat32);
  auto json = json_of(folder / "config.json");
  CHECK(json["tune_mm_mlp_adapter"] == true);
  CHECK(json["tune_vision_tower"] == false);
  CHECK(json["torch_dtype"] == "float32");
  record.run.trainable = {"llm.layers.0-3"};
  write_model_json(folder.path(), small_config(), record, torch::kFloat32);
  json = json_of(folder / "config.json");
  CHECK(json["freeze_mm_mlp_adapter"] == true);
  CHECK(json["tune_entire_model"] == false);
}

TEST_CASE("a tower's files describe its stages and its images", "[checkpoint]") {
  const TemporaryFolder folder("tower");
  write_vision_json(folder.path(), small_config().tower(), small_record().image, torch::kFloat32);
  const auto json = json_of(folder / "config.json");
  CHECK(json["stage_names"] == Json::parse(R"(["stem", "stage1", "stage2", "stage3", "stage4", "stage5"])"));
  CHECK(json["out_features"] == Json::parse(R"(["stage5"])"));
  CHECK(json["out_indices"] == Json::parse("[5]"));
  CHECK(json["num_stages"] == 5);
  CHECK(json["layer_norm_eps"] == 1e-12);
  CHECK(json["drop_path_rate"] == 0.0);
  CHECK(json["image_size"] == 320);
  CHECK(read_vision_config(folder.path())->equals(small_config().tower()));

  const auto processor = json_of(folder / "preprocessor_config.json");
  CHECK(processor["image_processor_type"] == "CLIPImageProcessor");
  CHECK(processor["size"] == Json::parse(R"({"shortest_edge": 320})"));
  CHECK(processor["crop_size"] == Json::parse(R"({"height": 320, "width": 320})"));
  CHECK(processor["resample"] == 3);
  CHECK(processor["do_center_crop"] == true);
}

TEST_CASE("a norm's epsilon other than Hugging Face's survives saving", "[checkpoint]") {
  const TemporaryFolder folder("eps");
  auto vision = convnext_of(small_config().vision);
  vision.layer_norm_eps = 1e-5;
  write_vision_json(folder.path(), vision, {}, torch::kFloat32);
  CHECK(read_vision_config(folder.path())->equals(vision));
}

TEST_CASE("native images are not cropped to a square", "[checkpoint]") {
  const TemporaryFolder folder("native");
  auto record = small_record();
  record.image.aspect = image::Aspect::kNative;
  write_vision_json(folder.path(), small_config().tower(), record.image, torch::kFloat32);
  CHECK(json_of(folder / "preprocessor_config.json")["do_center_crop"] == false);
  write_model_json(folder.path(), small_config(), record, torch::kFloat32);
  CHECK(json_of(folder / "config.json")["image_aspect_ratio"] == "native");
}

TEST_CASE("tokenizer files carry the model and its behaviour", "[checkpoint]") {
  const TemporaryFolder folder("tokenizer");
  const std::string model = text_of(convllava::testing::kTokenizer);
  for (const auto behaviour : {text::TokenizerBehaviour::kLegacy, text::TokenizerBehaviour::kNonLegacy}) {
    const text::Tokenizer tokenizer(text::load_sentencepiece(convllava::testing::kTokenizer, behaviour));
    write_tokenizer(folder.path(), tokenizer, 2048);
    CHECK(text::Tokenizer::load(folder.path()) == tokenizer);
    CHECK(json_of(folder / "tokenizer_config.json")["legacy"] == (behaviour == text::TokenizerBehaviour::kLegacy));
  }
  CHECK(text_of(folder / "tokenizer.model") == model);
  const auto json = json_of(folder / "tokenizer_config.json");
  CHECK(json["model_max_length"] == 2048);
  CHECK(json["padding_side"] == "right");
  CHECK(json["pad_token"] == "<unk>");
  CHECK(json["add_bos_token"] == true);
  CHECK(json["add_eos_token"] == false);
  CHECK(json_of(folder / "special_tokens_map.json")["pad_token"] == "<unk>");
}

}  // namespace convllava::formats
