#include "convllava/model/vision/clip_vit.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "convllava/formats/config_fields.h"
#include "convllava/formats/tower_format.h"

// CLIP's ViT as Hugging Face stores it: CLIPVisionModel, and CLIPModel for its vision half.

namespace convllava::formats {

TowerFormat clip_vit_format();

namespace {

model::VisionConfigPtr read_clip_vit(const checkpoint::JsonObject& file) {
  model::ClipVisionConfig vision;
  vision.hidden_size = read_size(file, "hidden_size", kMostChannels);
  vision.intermediate_size = read_size(file, "intermediate_size", kMostChannels);
  vision.num_hidden_layers = read_size(file, "num_hidden_layers", kMostLayers);
  vision.num_attention_heads = file.whole("num_attention_heads");
  vision.image_size = read_size(file, "image_size", kMostImage);
  vision.patch_size = read_size(file, "patch_size", kMostPatch);
  vision.layer_norm_eps = file.number("layer_norm_eps", 1e-5);
  if (file.whole("num_channels", 3) != 3) file.fail_value("num_channels", "3");
  if (file.text("hidden_act", "quick_gelu") != "quick_gelu") file.fail_value("hidden_act", "\"quick_gelu\"");
  validate_stored([&] { vision.validate(file.where()); });
  return std::make_shared<model::ClipVisionConfig>(vision);
}

std::string write_clip_vit(const model::VisionConfig& config, int64_t /*image_size*/, std::string_view dtype) {
  const auto& vision = dynamic_cast<const model::ClipVisionConfig&>(config);
  const nlohmann::ordered_json json = {{"architectures", {"CLIPVisionModel"}},
                                       {"model_type", "clip_vision_model"},
                                       {"torch_dtype", dtype},
                                       {"num_channels", 3},
                                       {"hidden_size", vision.hidden_size},
                                       {"intermediate_size", vision.intermediate_size},
                                       {"num_hidden_layers", vision.num_hidden_layers},
                                       {"num_attention_heads", vision.num_attention_heads},
                                       {"image_size", vision.image_size},
                                       {"patch_size", vision.patch_size},
                                       {"hidden_act", "quick_gelu"},
                                       {"layer_norm_eps", vision.layer_norm_eps},
                                       {"attention_dropout", 0.0},
                                       {"initializer_range", 0.02},
                                       {"initializer_factor", 1.0}};
  return json.dump(2) + "\n";
}

/// transformers 4 and the published files put `vision_model.` in front of all names, transformers 5 does not.
std::string_view without_prefix(std::string_view tensor) {
  constexpr std::string_view kPrefix = "vision_model.";
  return tensor.starts_with(kPrefix) ? tensor.substr(kPrefix.size()) : tensor;
}

std::optional<std::string> clip_vit_parameter(std::string_view tensor) {
  const auto name = without_prefix(tensor);
  for (const std::string_view beginning : {"embeddings.", "pre_layrnorm.", "encoder.layers."}) {
    if (name.starts_with(beginning)) return "vision_model." + std::string(name);
  }
  return std::nullopt;
}

/// The last layer and the norm behind it, and indices that older files hold.
bool is_unused_in_clip_vit(const model::VisionConfig& config, std::string_view tensor) {
  const auto name = without_prefix(tensor);
  const int64_t last = dynamic_cast<const model::ClipVisionConfig&>(config).num_hidden_layers - 1;
  return name.starts_with(fmt::format("encoder.layers.{}.", last)) || name.starts_with("post_layernorm.") ||
         name == "embeddings.position_ids";
}

}  // namespace

TowerFormat clip_vit_format() {
  return {.model_type = "clip_vision_model",
          .select_layer = -2,
          .read_config = read_clip_vit,
          .write_config = write_clip_vit,
          .measure = nullptr,  // tensors do not tell the number of heads
          .parameter_of = clip_vit_parameter,
          .is_unused = is_unused_in_clip_vit};
}

}  // namespace convllava::formats
