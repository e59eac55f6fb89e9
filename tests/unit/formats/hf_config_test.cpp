#include "convllava/formats/hf_config.h"

#include <nlohmann/json.hpp>

#include "convllava/formats/tower_format.h"
#include "tests/catch.h"
#include "tests/unit/formats/fixtures.h"

namespace convllava::formats {
namespace {

using namespace testing;
using convllava::testing::contains;
using convllava::testing::convnext_of;
using convllava::testing::message_of;
using Json = nlohmann::json;

Json json_of(const std::filesystem::path& path) { return Json::parse(text_of(path)); }

Json llama_json() {
  return Json::parse(R"({"model_type": "llama", "vocab_size": 512, "hidden_size": 64, "intermediate_size": 172,
                         "num_hidden_layers": 5, "num_attention_heads": 8})");
}

Json convnext_json() {
  return Json::parse(R"({"model_type": "convnext", "depths": [3, 3, 27, 3, 6],
                         "hidden_sizes": [192, 384, 768, 1536, 3072], "layer_norm_eps": 1e-12})");
}

model::LanguageConfig read_llama(const Json& json) {
  const TemporaryFolder folder("llama");
  write_text(folder / "config.json", json.dump());
  return read_language_config(folder.path());
}

/// The error about `base` with one field changed; null takes the field out.
std::string llama_error(const std::string& field, const Json& value) {
  auto json = llama_json();
  json[field] = value;
  return message_of<CheckpointError>([&] { read_llama(json); });
}

model::ConvNextConfig read_convnext(const std::filesystem::path& directory) {
  return convnext_of(read_vision_config(directory));
}

model::ConvNextConfig read_vision(const Json& json) {
  const TemporaryFolder folder("vision");
  write_text(folder / "config.json", json.dump());
  return read_convnext(folder.path());
}

std::string vision_error(const std::string& field, const Json& value) {
  auto json = convnext_json();
  json[field] = value;
  return message_of<CheckpointError>([&] { read_vision(json); });
}

/// The image options of a directory with these files; null for no preprocessor_config.json.
image::PreprocessOptions read_options(const Json& model, const Json& processor) {
  const TemporaryFolder folder("images");
  write_text(folder / "config.json", model.dump());
  if (!processor.is_null()) write_text(folder / "preprocessor_config.json", processor.dump());
  return read_image_options(folder.path());
}

int64_t image_size(const std::string& processor) { return read_options(Json::object(), Json::parse(processor)).size; }

std::string image_error(const std::string& processor) {
  return message_of<CheckpointError>([&] { image_size(processor); });
}

/// The tensors that tell the shape of a tower of one block a stage; `scale` stands behind the number of the stage.
TensorShapes tower_tensors(const std::vector<int64_t>& widths, const std::string& stem, const std::string& stages,
                           const std::string& scale) {
  TensorShapes tensors = {{stem, {widths.front(), 3, 4, 4}}};
  for (size_t i = 0; i < widths.size(); ++i) tensors[stages + std::to_string(i) + scale] = {widths[i]};
  return tensors;
}

model::ConvNextConfig measured(const TensorShapes& tensors, const std::string& where) {
  return convnext_of(find_tower_format("convnext")->measure(tensors, where));
}

}  // namespace

TEST_CASE("fields that a LLaMA file leaves out have transformers' defaults", "[checkpoint]") {
  const auto llm = read_llama(llama_json());
  CHECK(llm.num_key_value_heads == 8);
  CHECK(llm.max_position_embeddings == 2048);
  CHECK(llm.rms_norm_eps == 1e-6);
  CHECK(llm.rope_theta == 10000);
  CHECK_FALSE(llm.tie_word_embeddings);
  CHECK(llm.bos_token_id == 1);
  CHECK(llm.eos_token_id == std::vector<int64_t>{2});
  CHECK_FALSE(llm.pad_token_id);
}

TEST_CASE("RoPE's base is read from both generations of transformers' files", "[checkpoint]") {
  auto json = llama_json();
  json["rope_theta"] = 500.0;
  json["rope_scaling"] = nullptr;
  CHECK(read_llama(json).rope_theta == 500);
  json["rope_parameters"] = {{"rope_type", "default"}, {"rope_theta", 700.0}};
  CHECK(read_llama(json).rope_theta == 700);
}

TEST_CASE("a config.json of transformers 5 is read", "[checkpoint]") {
  const auto llm = read_language_config(golden("llama"));
  model::LanguageConfig expected;
  expected.vocab_size = 64;
  expected.hidden_size = 16;
  expected.intermediate_size = 24;
  expected.num_hidden_layers = 2;
  expected.num_attention_heads = 4;
  expected.num_key_value_heads = 2;
  expected.max_position_embeddings = 96;
  expected.rms_norm_eps = 1e-4;
  expected.rope_theta = 5000;
  expected.bos_token_id = 3;
  expected.eos_token_id = {4};
  expected.pad_token_id = 5;
  CHECK(llm == expected);
}

TEST_CASE("the published ConvLLaVA model types are read as LLaMA", "[checkpoint]") {
  for (const char* type : {"llava", "llava_llama"}) {
    auto json = llama_json();
    json["model_type"] = type;
    CHECK(read_llama(json).vocab_size == 512);
  }
}

TEST_CASE("LLaMA variants that the model does not implement are refused", "[checkpoint]") {
  CHECK_THAT(llama_error("model_type", "mistral"),
             contains("config.json: model_type: not supported; got \"mistral\"; expected \"llama\", \"llava\", \"llava_llama\""));
  CHECK_THAT(llama_error("hidden_act", "gelu"), contains("hidden_act: not supported; got \"gelu\"; expected \"silu\""));
  CHECK_THAT(llama_error("attention_bias", true), contains("attention_bias: not supported; got true; expected false"));
  CHECK_THAT(llama_error("mlp_bias", true), contains("mlp_bias: not supported; got true; expected false"));
  CHECK_THAT(llama_error("head_dim", 16), contains("head_dim: not supported; got 16; expected hidden_size / "));
  CHECK_THAT(
      llama_error("rope_scaling", {{"type", "linear"}, {"factor", 2.0}}),
      contains(
          "rope_scaling: not supported; got {\"factor\":2.0,\"type\":\"linear\"}; expected rope_type \"default\""));
  CHECK_THAT(llama_error("rope_parameters", {{"rope_type", "llama3"}, {"rope_theta", 5e5}}),
             contains("rope_parameters: not supported"));
}

TEST_CASE("a LLaMA file with missing, mistyped or impossible fields is refused", "[checkpoint]") {
  CHECK_THAT(llama_error("hidden_size", nullptr),
             contains("config.json: hidden_size: the field is absent; got none; expected a whole number"));
  CHECK_THAT(llama_error("hidden_size", "64"),
             contains("hidden_size: wrong type; got \"64\"; expected a whole number"));
  CHECK_THAT(llama_error("vocab_size", 1e300), contains("vocab_size: wrong type; got 1e+300"));
  CHECK_THAT(llama_error("vocab_size", UINT64_MAX), contains("vocab_size: wrong type"));
  CHECK_THAT(llama_error("rms_norm_eps", "small"),
             contains("rms_norm_eps: wrong type; got \"small\"; expected a number"));
  const TemporaryFolder folder("constant");
  for (const std::string value : {"Infinity", "NaN"}) {
    std::string text = llama_json().dump();
    write_text(folder / "config.json", text.insert(1, "\"note\": NaN, \"rms_norm_eps\": " + value + ", "));
    CHECK_THAT(message_of<CheckpointError>([&] { read_language_config(folder.path()); }),
               contains("rms_norm_eps: wrong type; got " + value + "; expected a number"));
  }
  CHECK_THAT(llama_error("tie_word_embeddings", 1),
             contains("tie_word_embeddings: wrong type; got 1; expected true or"));
  CHECK_THAT(llama_error("model_type", nullptr), contains("model_type: the field is absent; got none; expected text"));
  CHECK_THAT(llama_error("rope_scaling", "linear"),
             contains("rope_scaling: wrong type; got \"linear\"; expected an object"));
  CHECK_THAT(llama_error("num_attention_heads", 7), contains("num_attention_heads"));
  CHECK_THAT(llama_error("num_attention_heads", 0), contains("num_attention_heads"));
}

TEST_CASE("sizes that no model has are refused where they are read", "[checkpoint]") {
  CHECK_THAT(llama_error("num_hidden_layers", 1'000'000'000'000),
             contains("config.json: num_hidden_layers: not supported; got 1000000000000; expected at most 1000"));
  CHECK_THAT(llama_error("hidden_size", int64_t{1} << 40), contains("hidden_size: not supported; got 1099511627776"));
  CHECK_THAT(llama_error("intermediate_size", int64_t{1} << 40), contains("intermediate_size: not supported"));
  CHECK_THAT(llama_error("vocab_size", int64_t{1} << 40), contains("vocab_size: not supported"));
  CHECK_THAT(vision_error("depths", {3, 3, 27, 3, 1'000'000}),
             contains("config.json: depths: not supported; got [3,3,27,3,1000000]; expected at most 1000 each"));
  CHECK_THAT(vision_error("hidden_sizes", {192, 384, 768, 1536, int64_t{1} << 40}),
             contains("hidden_sizes: not supported"));
  CHECK_THAT(vision_error("patch_size", int64_t{1} << 40),
             contains("patch_size: not supported; got 1099511627776; expected at most 1024"));
}

TEST_CASE("the size of the images is read as any version of the processor writes it", "[checkpoint]") {
  CHECK(image_size(R"({"crop_size": {"height": 320, "width": 320}, "size": {"shortest_edge": 336}})") == 320);
  CHECK(image_size(R"({"crop_size": 512, "size": 512})") == 512);
  CHECK(image_size(R"({"size": 384})") == 384);
  CHECK(image_size(R"({"crop_size": null, "size": {"shortest_edge": 640}})") == 640);
  CHECK(image_size(R"({"size": {"height": 256, "width": 256}})") == 256);
}

TEST_CASE("image sizes that cannot be used are refused", "[checkpoint]") {
  CHECK_THAT(image_error(R"({"crop_size": {"height": 320, "width": 640}})"),
             contains("preprocessor_config.json: crop_size: not supported; got {\"height\":320,\"width\":640}; "
                      "expected a square"));
  CHECK_THAT(image_error(R"({"crop_size": 63})"),
             contains("crop_size: not supported; got 63; expected 64 to 16384 pixels on a side"));
  CHECK_THAT(image_error(R"({"size": {"shortest_edge": 1099511627776}})"), contains("size: not supported; got {"));
  CHECK_THAT(image_error("{}"), contains("preprocessor_config.json: size: the field is absent"));
}

TEST_CASE("without a preprocessor_config.json the tower's name tells the size, or a warning what is assumed",
          "[checkpoint]") {
  const TemporaryFolder folder("assumed");
  CapturedStderr captured(folder / "stderr");
  const auto named = [](const std::string& tower) { return read_options({{"mm_vision_tower", tower}}, nullptr).size; };
  CHECK(named("ConvLLaVA/ConvLLaVA-ConvNeXt-1536") == 1536);
  CHECK(named("./LAION-CLIP-ConvNeXt-Large-512") == 512);
  CHECK(captured.text().empty());
  for (const char* name : {"vision_tower", "768", "convnext-v2", "convnext-16", "convnext-99999999999999999999", ""}) {
    INFO(name);
    CapturedStderr again(folder / "stderr");
    CHECK(named(name) == 768);
    CHECK_THAT(again.text(), contains("preprocessor_config.json: missing; assuming images with sides of 768 pixels"));
  }
}

TEST_CASE("images in several crops are refused, whatever their number", "[checkpoint]") {
  for (const char* aspect : {"anyres", "anyres_max_9"}) {
    CHECK_THAT(message_of<CheckpointError>([&] {
                 read_options({{"image_aspect_ratio", aspect}}, nullptr);
               }),
               contains("config.json: image_aspect_ratio: not supported; got \"" + std::string(aspect) +
                        "\"; expected \"pad\""));
  }
}

TEST_CASE("a config.json that is absent or no JSON object is refused", "[checkpoint]") {
  const TemporaryFolder folder("config");
  const auto error = [&] { return message_of<CheckpointError>([&] { read_language_config(folder.path()); }); };
  CHECK_THAT(error(), contains("config.json: cannot read the file; got No such file"));
  write_text(folder / "config.json", R"({"model_type": "llama")");
  CHECK_THAT(error(), contains("config.json: not JSON; got"));
  write_text(folder / "config.json", "[1]");
  CHECK_THAT(error(), contains("config.json: not a JSON object; got array"));
}

TEST_CASE("a tower's config.json gives its shape, but not the norms' epsilon", "[checkpoint]") {
  const auto vision = read_vision(convnext_json());
  CHECK(vision.equals(model::ConvNextConfig()));
  CHECK(vision.layer_norm_eps == 1e-6);
  CHECK(read_convnext(golden("convnext")).depths == std::vector<int64_t>{1, 2});
}

TEST_CASE("a tower that is no ConvNeXt is refused", "[checkpoint]") {
  CHECK_THAT(vision_error("model_type", "convnextv2"),
             contains("config.json: model_type: not supported; got \"convnextv2\"; expected \"convnext\""));
  CHECK_THAT(vision_error("hidden_act", "relu"),
             contains("hidden_act: not supported; got \"relu\"; expected \"gelu\""));
  CHECK_THAT(vision_error("num_channels", 4), contains("num_channels: not supported; got 4; expected 3"));
  CHECK_THAT(vision_error("depths", nullptr), contains("depths: the field is absent"));
  CHECK_THAT(vision_error("depths", {3, "3"}), contains("depths: wrong type; got [3,\"3\"]; expected a list of whole"));
  CHECK_THAT(vision_error("depths", {3, 3}), contains("config.json: "));
}

TEST_CASE("a tower without config.json is measured from its tensors", "[checkpoint]") {
  for (const char* name : {"openclip", "timm"}) {
    const auto vision = read_convnext(golden(name));
    CHECK(vision.depths == std::vector<int64_t>{1, 1, 2, 1});
    CHECK(vision.hidden_sizes == std::vector<int64_t>{4, 4, 8, 8});
    CHECK(vision.patch_size == 4);
  }
}

TEST_CASE("only timm's ConvNeXt-XXL has another epsilon in its norms", "[checkpoint]") {
  const std::vector<int64_t> xxl = {384, 768, 1536, 3072};
  const auto epsilon = [](const auto& tensors) { return measured(tensors, "x").layer_norm_eps; };
  const auto timm = [](const auto& widths, const std::string& prefix) {
    return tower_tensors(widths, prefix + "stem.0.weight", prefix + "stages.", ".blocks.0.gamma");
  };
  CHECK(epsilon(timm(xxl, "visual.trunk.")) == 1e-5);
  CHECK(epsilon(timm(xxl, "")) == 1e-5);
  CHECK(epsilon(timm(std::vector<int64_t>{192, 384, 768, 1536}, "")) == 1e-6);
  CHECK(epsilon(tower_tensors(xxl, "embeddings.patch_embeddings.weight", "encoder.stages.",
                              ".layers.0.layer_scale_parameter")) == 1e-6);
}

TEST_CASE("tensors of an impossible tower are refused before one is built", "[checkpoint]") {
  auto tensors = tower_tensors({4}, "stem.0.weight", "stages.", ".blocks.0.gamma");
  const auto error = [&] { return message_of<CheckpointError>([&] { measured(tensors, "tower"); }); };
  CHECK(error().empty());
  tensors["stem.0.weight"] = {4, 0, int64_t{1} << 60, int64_t{1} << 60};
  CHECK(error() == "tower: the stem's patches are too large; got 1152921504606846976 pixels; expected at most 1024");
  tensors["stem.0.weight"] = {4, 3, 4, 4};
  tensors["stages.0.blocks.0.gamma"] = {int64_t{1} << 60, 0};
  CHECK_THAT(error(), contains("tower: vision.hidden_sizes: out of range; got 0"));
}

TEST_CASE("a directory without a tower is refused", "[checkpoint]") {
  const TemporaryFolder folder("nothing");
  checkpoint::write_safetensors(folder / "model.safetensors", {{"encoder.layers.0.weight", torch::zeros({1})}});
  CHECK_THAT(message_of<CheckpointError>([&] { read_vision_config(folder.path()); }),
             contains("no weights of a vision tower in it; expected a config.json with model_type \"convnext\""));
}

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
  const auto model = small_tokenizer();
  for (const auto behaviour : {text::TokenizerBehaviour::kLegacy, text::TokenizerBehaviour::kNonLegacy}) {
    write_text(folder / "tokenizer.model", model.model_bytes());
    std::filesystem::remove(folder / "tokenizer_config.json");
    const auto tokenizer = text::Tokenizer::load(folder / "tokenizer.model", behaviour);
    write_tokenizer(folder.path(), tokenizer, 2048);
    CHECK(text::Tokenizer::load(folder.path()).behaviour() == tokenizer.behaviour());
  }
  CHECK(text_of(folder / "tokenizer.model") == model.model_bytes());
  const auto json = json_of(folder / "tokenizer_config.json");
  CHECK(json["model_max_length"] == 2048);
  CHECK(json["padding_side"] == "right");
  CHECK(json["pad_token"] == "<unk>");
  CHECK(json["add_bos_token"] == true);
  CHECK(json["add_eos_token"] == false);
  CHECK(json_of(folder / "special_tokens_map.json")["pad_token"] == "<unk>");
}

}  // namespace convllava::formats
