#include "convllava/formats/hf_config.h"

#include <nlohmann/json.hpp>

#include "convllava/formats/tower_format.h"
#include "tests/catch.h"
#include "tests/support/errors.h"
#include "tests/unit/formats/fixtures.h"

namespace convllava::formats {
namespace {

using namespace testing;
using convllava::testing::contains;
using convllava::testing::convnext_of;
using convllava::testing::Parts;
using convllava::testing::thrown;
using Json = nlohmann::json;

constexpr const char* kNotSupported = "not supported";

Parts unsupported(const char* field, const char* got, const char* expected, const char* file = "") {
  return {.where = file, .field = field, .kind = kNotSupported, .got = got, .expected = expected};
}

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
CheckpointError llama_error(const std::string& field, const Json& value) {
  auto json = llama_json();
  json[field] = value;
  return thrown<CheckpointError>([&] { read_llama(json); });
}

model::ConvNextConfig read_convnext(const std::filesystem::path& directory) {
  return convnext_of(read_vision_config(directory));
}

model::ConvNextConfig read_vision(const Json& json) {
  const TemporaryFolder folder("vision");
  write_text(folder / "config.json", json.dump());
  return read_convnext(folder.path());
}

CheckpointError vision_error(const std::string& field, const Json& value) {
  auto json = convnext_json();
  json[field] = value;
  return thrown<CheckpointError>([&] { read_vision(json); });
}

/// The image options of a directory with these files; null for no preprocessor_config.json.
image::PreprocessOptions read_options(const Json& model, const Json& processor) {
  const TemporaryFolder folder("images");
  write_text(folder / "config.json", model.dump());
  if (!processor.is_null()) write_text(folder / "preprocessor_config.json", processor.dump());
  return read_image_options(folder.path(), model::ConvNextConfig());
}

int64_t image_size(const std::string& processor) { return read_options(Json::object(), Json::parse(processor)).size; }

CheckpointError image_error(const std::string& processor) {
  return thrown<CheckpointError>([&] { image_size(processor); });
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
  CHECK(llama_error("model_type", "mistral") ==
        unsupported("model_type", "\"mistral\"", "\"llama\", \"llava\" or \"llava_llama\"", "config.json"));
  CHECK(llama_error("hidden_act", "gelu") == unsupported("hidden_act", "\"gelu\"", "\"silu\""));
  CHECK(llama_error("attention_bias", true) == unsupported("attention_bias", "true", "false"));
  CHECK(llama_error("mlp_bias", true) == unsupported("mlp_bias", "true", "false"));
  CHECK(llama_error("head_dim", 16) == unsupported("head_dim", "16", "hidden_size / num_attention_heads = 8"));
  CHECK(llama_error("rope_scaling", {{"type", "linear"}, {"factor", 2.0}}) ==
        unsupported("rope_scaling", "{\"factor\":2.0,\"type\":\"linear\"}", "rope_type \"default\""));
  CHECK(llama_error("rope_parameters", {{"rope_type", "llama3"}, {"rope_theta", 5e5}}) ==
        Parts{.field = "rope_parameters", .kind = kNotSupported});
}

TEST_CASE("a LLaMA file with missing, mistyped or impossible fields is refused", "[checkpoint]") {
  CHECK(llama_error("hidden_size", nullptr) ==
        Parts{.where = "config.json", .field = "hidden_size", .got = "none", .expected = "a whole number"});
  CHECK(llama_error("hidden_size", "64") ==
        Parts{.field = "hidden_size", .got = "\"64\"", .expected = "a whole number"});
  CHECK(llama_error("vocab_size", 1e300) == Parts{.field = "vocab_size", .got = "1e+300"});
  CHECK(llama_error("vocab_size", UINT64_MAX) == Parts{.field = "vocab_size", .kind = "wrong type"});
  CHECK(llama_error("rms_norm_eps", "small") ==
        Parts{.field = "rms_norm_eps", .got = "\"small\"", .expected = "a number"});
  const TemporaryFolder folder("constant");
  for (const std::string value : {"Infinity", "NaN"}) {
    std::string text = llama_json().dump();
    write_text(folder / "config.json", text.insert(1, "\"note\": NaN, \"rms_norm_eps\": " + value + ", "));
    CHECK(thrown<CheckpointError>([&] { read_language_config(folder.path()); }) ==
          Parts{.field = "rms_norm_eps", .got = value, .expected = "a number"});
  }
  CHECK(llama_error("tie_word_embeddings", 1) ==
        Parts{.field = "tie_word_embeddings", .got = "1", .expected = "true or false"});
  CHECK(llama_error("model_type", nullptr) == Parts{.field = "model_type", .got = "none", .expected = "text"});
  CHECK(llama_error("rope_scaling", "linear") ==
        Parts{.field = "rope_scaling", .got = "\"linear\"", .expected = "an object"});
  CHECK(llama_error("num_attention_heads", 7) == Parts{.where = "config.json", .field = "num_attention_heads"});
  CHECK(llama_error("num_attention_heads", 0) == Parts{.where = "config.json", .field = "num_attention_heads"});
}

TEST_CASE("sizes that no model has are refused where they are read", "[checkpoint]") {
  CHECK(llama_error("num_hidden_layers", 1'000'000'000'000) ==
        unsupported("num_hidden_layers", "1000000000000", "at most 1000", "config.json"));
  CHECK(llama_error("hidden_size", int64_t{1} << 40) ==
        Parts{.field = "hidden_size", .kind = kNotSupported, .got = "1099511627776"});
  CHECK(llama_error("intermediate_size", int64_t{1} << 40) ==
        Parts{.field = "intermediate_size", .kind = kNotSupported});
  CHECK(llama_error("vocab_size", int64_t{1} << 40) == Parts{.field = "vocab_size", .kind = kNotSupported});
  CHECK(vision_error("depths", {3, 3, 27, 3, 1'000'000}) ==
        unsupported("depths", "[3,3,27,3,1000000]", "at most 1000 each", "config.json"));
  CHECK(vision_error("hidden_sizes", {192, 384, 768, 1536, int64_t{1} << 40}) ==
        Parts{.field = "hidden_sizes", .kind = kNotSupported});
  CHECK(vision_error("patch_size", int64_t{1} << 40) == unsupported("patch_size", "1099511627776", "at most 1024"));
}

TEST_CASE("the size of the images is read as any version of the processor writes it", "[checkpoint]") {
  CHECK(image_size(R"({"crop_size": {"height": 320, "width": 320}, "size": {"shortest_edge": 336}})") == 320);
  CHECK(image_size(R"({"crop_size": 512, "size": 512})") == 512);
  CHECK(image_size(R"({"size": 384})") == 384);
  CHECK(image_size(R"({"crop_size": null, "size": {"shortest_edge": 640}})") == 640);
  CHECK(image_size(R"({"size": {"height": 256, "width": 256}})") == 256);
}

TEST_CASE("image sizes that cannot be used are refused", "[checkpoint]") {
  CHECK(image_error(R"({"crop_size": {"height": 320, "width": 640}})") ==
        unsupported("crop_size", "{\"height\":320,\"width\":640}", "a square", "preprocessor_config.json"));
  CHECK(image_error(R"({"crop_size": 63})") == unsupported("crop_size", "63", "64 to 16384 pixels on a side"));
  CHECK(image_error(R"({"size": {"shortest_edge": 1099511627776}})") == Parts{.kind = kNotSupported});
  CHECK(image_error("{}") == Parts{.where = "preprocessor_config.json", .field = "size"});
}

TEST_CASE("without a preprocessor_config.json the tower's name gives the size, or a warning states the assumed one",
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
    CHECK(thrown<CheckpointError>([&] {
            read_options({{"image_aspect_ratio", aspect}}, nullptr);
          }) == Parts{.where = "config.json",
                      .field = "image_aspect_ratio",
                      .kind = kNotSupported,
                      .got = "\"" + std::string(aspect) + "\"",
                      .expected = "\"pad\", \"native\" or \"square\""});
  }
}

TEST_CASE("a config.json that is absent or no JSON object is refused", "[checkpoint]") {
  const TemporaryFolder folder("config");
  const auto error = [&] { return thrown<CheckpointError>([&] { read_language_config(folder.path()); }); };
  CHECK(error() == Parts{.where = "config.json", .got = "No such file or directory"});
  write_text(folder / "config.json", R"({"model_type": "llama")");
  CHECK(error() == Parts{.where = "config.json", .kind = "not JSON"});
  write_text(folder / "config.json", "[1]");
  CHECK(error() == Parts{.where = "config.json", .kind = "not a JSON object", .got = "array"});
}

TEST_CASE("a tower's config.json gives its shape, but not the norms' epsilon", "[checkpoint]") {
  const auto vision = read_vision(convnext_json());
  CHECK(vision.equals(model::ConvNextConfig()));
  CHECK(vision.layer_norm_eps == 1e-6);
  CHECK(read_convnext(golden("convnext")).depths == std::vector<int64_t>{1, 2});
}

TEST_CASE("a tower of another family, or with variants that it does not have, is refused", "[checkpoint]") {
  CHECK(vision_error("model_type", "convnextv2") ==
        unsupported("model_type", "\"convnextv2\"", "\"convnext\" or \"clip_vision_model\"", "config.json"));
  CHECK(vision_error("hidden_act", "relu") == unsupported("hidden_act", "\"relu\"", "\"gelu\""));
  CHECK(vision_error("num_channels", 4) == unsupported("num_channels", "4", "3"));
  CHECK(vision_error("depths", nullptr) == Parts{.field = "depths"});
  CHECK(vision_error("depths", {3, "3"}) ==
        Parts{.field = "depths", .got = "[3,\"3\"]", .expected = "a list of whole numbers"});
  CHECK(vision_error("depths", {3, 3}) == Parts{.where = "config.json", .field = "hidden_sizes"});
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
  const auto error = [&] { return thrown<CheckpointError>([&] { measured(tensors, "tower"); }); };
  CHECK_NOTHROW(measured(tensors, "tower"));
  tensors["stem.0.weight"] = {4, 0, int64_t{1} << 60, int64_t{1} << 60};
  CHECK(error() == Parts{.where = "tower",
                         .kind = "the stem's patches are too large",
                         .got = "1152921504606846976 pixels",
                         .expected = "at most 1024"});
  tensors["stem.0.weight"] = {4, 3, 4, 4};
  tensors["stages.0.blocks.0.gamma"] = {int64_t{1} << 60, 0};
  CHECK(error() == Parts{.where = "tower", .field = "hidden_sizes", .kind = "out of range", .got = "0"});
}

TEST_CASE("a directory without a tower is refused", "[checkpoint]") {
  const TemporaryFolder folder("nothing");
  checkpoint::write_safetensors(folder / "model.safetensors", {{"encoder.layers.0.weight", torch::zeros({1})}});
  CHECK(thrown<CheckpointError>([&] { read_vision_config(folder.path()); }) ==
        Parts{.kind = "no vision tower in it",
              .expected = "a config.json with model_type \"convnext\" or \"clip_vision_model\", or the tensors of a "
                          "ConvNeXt"});
}

}  // namespace convllava::formats
