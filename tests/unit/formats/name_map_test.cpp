#include "convllava/formats/name_map.h"

#include <optional>

#include "convllava/formats/tower_format.h"
#include "tests/catch.h"
#include "tests/unit/formats/fixtures.h"

namespace convllava::formats {
namespace {

const std::string kStage = "encoder.stages.";

std::optional<std::string> convnext_parameter(std::string_view tensor) {
  return find_tower_format("convnext")->parameter_of(tensor);
}

}  // namespace

TEST_CASE("parameters of the whole model have the published names in files", "[checkpoint]") {
  CHECK(file_name_of("llm.model.embed_tokens.weight") == "model.embed_tokens.weight");
  CHECK(file_name_of("llm.model.layers.31.self_attn.q_proj.weight") == "model.layers.31.self_attn.q_proj.weight");
  CHECK(file_name_of("llm.model.norm.weight") == "model.norm.weight");
  CHECK(file_name_of("llm.lm_head.weight") == "lm_head.weight");
  CHECK(file_name_of("mm_projector.2.bias") == "model.mm_projector.2.bias");
  CHECK(file_name_of("vision_tower.embeddings.layernorm.bias") ==
        "model.vision_tower.vision_tower.embeddings.layernorm.bias");
}

TEST_CASE("every parameter's file name leads back to it", "[checkpoint]") {
  const model::ConvLlava model(testing::small_config());
  for (const auto& parameter : model->named_parameters()) {
    CHECK(parameter_of(file_name_of(parameter.key())) == parameter.key());
  }
}

TEST_CASE("a name of no parameter maps to nothing", "[checkpoint]") {
  CHECK(parameter_of("model.image_newline") == std::nullopt);
  CHECK(parameter_of("transformer.h.0.ln_1.weight") == std::nullopt);
}

TEST_CASE("tower names of three origins mean the same parameter", "[checkpoint]") {
  const std::string parameter = kStage + "2.layers.13.pwconv1.weight";
  for (const char* name :
       {"encoder.stages.2.layers.13.pwconv1.weight", "convnext.encoder.stages.2.layers.13.pwconv1.weight",
        "visual.trunk.stages.2.blocks.13.mlp.fc1.weight", "stages.2.blocks.13.mlp.fc1.weight"}) {
    INFO(name);
    CHECK(convnext_parameter(name) == parameter);
  }
}

TEST_CASE("each part of a timm tower has its Hugging Face name", "[checkpoint]") {
  CHECK(convnext_parameter("stem.0.weight") == "embeddings.patch_embeddings.weight");
  CHECK(convnext_parameter("stem.1.bias") == "embeddings.layernorm.bias");
  CHECK(convnext_parameter("stages.1.downsample.0.bias") == kStage + "1.downsampling_layer.0.bias");
  CHECK(convnext_parameter("stages.3.downsample.1.weight") == kStage + "3.downsampling_layer.1.weight");
  CHECK(convnext_parameter("stages.0.blocks.2.conv_dw.weight") == kStage + "0.layers.2.dwconv.weight");
  CHECK(convnext_parameter("stages.0.blocks.2.norm.weight") == kStage + "0.layers.2.layernorm.weight");
  CHECK(convnext_parameter("stages.0.blocks.2.mlp.fc2.bias") == kStage + "0.layers.2.pwconv2.bias");
  CHECK(convnext_parameter("stages.0.blocks.2.gamma") == kStage + "0.layers.2.layer_scale_parameter");
}

TEST_CASE("text towers, heads and norms behind the pooling are no tower parameters", "[checkpoint]") {
  for (const char* name : {"visual.trunk.head.norm.weight", "visual.head.proj.weight", "text_projection",
                           "head.fc.weight", "transformer.resblocks.0.attn.in_proj_weight", "layernorm.weight",
                           "convnext.layernorm.bias", "classifier.weight", "stages.x.blocks.0.gamma"}) {
    INFO(name);
    CHECK(convnext_parameter(name) == std::nullopt);
  }
}

TEST_CASE("the norm behind ConvNeXt's pooling is not used", "[checkpoint]") {
  const auto unused = [](std::string_view tensor) {
    return find_tower_format("convnext")->is_unused(model::ConvNextConfig(), tensor);
  };
  CHECK(unused("layernorm.weight"));
  CHECK(unused("convnext.layernorm.bias"));
  CHECK_FALSE(unused("embeddings.layernorm.weight"));
}

}  // namespace convllava::formats
