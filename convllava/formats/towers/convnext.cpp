#include "convllava/model/vision/convnext.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "convllava/formats/config_fields.h"
#include "convllava/formats/name_map.h"
#include "convllava/formats/tower_format.h"

// ConvNeXt as Hugging Face (ConvNextModel), OpenCLIP and timm store it.

namespace convllava::formats {

TowerFormat convnext_format();

namespace {

using Json = nlohmann::ordered_json;

constexpr double kConvNextNormEps = 1e-6;  // Hugging Face's ConvNeXt has it in its code, not in its configuration
// The tensors do not tell that timm makes ConvNeXt-XXL, and no other size, with another one.
const std::vector<int64_t> kXxlHiddenSizes = {384, 768, 1536, 3072};
constexpr double kXxlNormEps = 1e-5;

// Prefixes of a tower's names in files of different origin.
constexpr std::array<std::string_view, 4> kConvNextPrefixes = {"visual.trunk.", "convnext.", "trunk.", ""};

// Beginnings of the tower's names; `#` is a number.
constexpr std::array<Rename, 10> kConvNextNames = {{
    // Hugging Face
    {"embeddings.", "embeddings."},
    {"encoder.stages.#.", "encoder.stages.#."},
    // timm, and OpenCLIP behind its prefix
    {"embeddings.patch_embeddings.", "stem.0."},
    {"embeddings.layernorm.", "stem.1."},
    {"encoder.stages.#.downsampling_layer.#.", "stages.#.downsample.#."},
    {"encoder.stages.#.layers.#.dwconv.", "stages.#.blocks.#.conv_dw."},
    {"encoder.stages.#.layers.#.layernorm.", "stages.#.blocks.#.norm."},
    {"encoder.stages.#.layers.#.pwconv1.", "stages.#.blocks.#.mlp.fc1."},
    {"encoder.stages.#.layers.#.pwconv2.", "stages.#.blocks.#.mlp.fc2."},
    {"encoder.stages.#.layers.#.layer_scale_parameter", "stages.#.blocks.#.gamma"},
}};

model::VisionConfigPtr read_convnext(const checkpoint::JsonObject& file) {
  model::ConvNextConfig vision;
  vision.depths = read_sizes(file, "depths", kMostLayers);
  vision.hidden_sizes = read_sizes(file, "hidden_sizes", kMostChannels);
  vision.patch_size = read_size(file, "patch_size", kMostPatch, 4);
  vision.layer_scale_init_value = file.number("layer_scale_init_value", 1e-6);
  vision.layer_norm_eps = file.number("norm_eps", kConvNextNormEps);
  if (file.whole("num_channels", 3) != 3) file.fail_value("num_channels", "3");
  if (file.text("hidden_act", "gelu") != "gelu") file.fail_value("hidden_act", "\"gelu\"");
  validate_stored([&] { vision.validate(file.where()); });
  return std::make_shared<model::ConvNextConfig>(vision);
}

std::string write_convnext(const model::VisionConfig& config, int64_t image_size, std::string_view dtype) {
  const auto& vision = dynamic_cast<const model::ConvNextConfig&>(config);
  Json stage_names = Json::array({"stem"});
  for (int64_t stage = 1; stage <= vision.num_stages(); ++stage) stage_names.push_back(fmt::format("stage{}", stage));
  const Json json = {{"architectures", Json::array({"ConvNextModel"})},
                     {"model_type", "convnext"},
                     {"torch_dtype", dtype},
                     {"num_channels", 3},
                     {"patch_size", vision.patch_size},
                     {"num_stages", vision.num_stages()},
                     {"depths", vision.depths},
                     {"hidden_sizes", vision.hidden_sizes},
                     {"hidden_act", "gelu"},
                     {"initializer_range", 0.02},
                     {"layer_norm_eps", 1e-12},
                     {"norm_eps", vision.layer_norm_eps},
                     {"layer_scale_init_value", vision.layer_scale_init_value},
                     {"drop_path_rate", 0.0},
                     {"image_size", image_size},
                     {"stage_names", stage_names},
                     {"out_features", Json::array({stage_names.back()})},
                     {"out_indices", Json::array({vision.num_stages()})}};
  return json.dump(2) + "\n";
}

std::optional<std::string> convnext_parameter(std::string_view tensor) {
  for (const auto prefix : kConvNextPrefixes) {
    if (!tensor.starts_with(prefix)) continue;
    for (const auto& [to, from] : kConvNextNames) {
      if (auto name = rename(tensor.substr(prefix.size()), from, to)) return name;
    }
  }
  return std::nullopt;
}

/// The norm behind the pooling.
bool is_unused_in_convnext(const model::VisionConfig& /*config*/, std::string_view tensor) {
  for (const auto prefix : kConvNextPrefixes) {
    if (!tensor.starts_with(prefix)) continue;
    const auto name = tensor.substr(prefix.size());
    if (name == "layernorm.weight" || name == "layernorm.bias") return true;
  }
  return false;
}

model::VisionConfigPtr measure_convnext(const TensorShapes& shapes, const std::string& where) {
  std::map<std::string, std::vector<int64_t>> parameters;
  bool timm = false;  // OpenCLIP's towers are timm's
  for (const auto& [name, shape] : shapes) {
    if (const auto parameter = convnext_parameter(name)) parameters[*parameter] = shape;
    timm = timm || name.ends_with("stem.0.weight");
  }
  model::ConvNextConfig vision;
  vision.depths.clear();
  vision.hidden_sizes.clear();
  const auto scale_of = [&](int64_t stage, int64_t block) {
    return parameters.find(fmt::format("encoder.stages.{}.layers.{}.layer_scale_parameter", stage, block));
  };
  for (int64_t stage = 0; scale_of(stage, 0) != parameters.end(); ++stage) {
    int64_t depth = 1;
    while (scale_of(stage, depth) != parameters.end()) ++depth;
    const auto& shape = scale_of(stage, 0)->second;
    vision.depths.push_back(depth);
    vision.hidden_sizes.push_back(shape.size() == 1 ? shape.front() : 0);
  }
  const auto stem = parameters.find("embeddings.patch_embeddings.weight");
  if (vision.depths.empty() || stem == parameters.end() || stem->second.size() != 4) return nullptr;
  vision.patch_size = stem->second.back();
  if (vision.patch_size > kMostPatch) {
    throw CheckpointError(where, "the stem's patches are too large", fmt::format("{} pixels", vision.patch_size),
                          fmt::format("at most {}", kMostPatch));
  }
  if (timm && vision.hidden_sizes == kXxlHiddenSizes) vision.layer_norm_eps = kXxlNormEps;
  validate_stored([&] { vision.validate(where); });
  return std::make_shared<model::ConvNextConfig>(vision);
}

}  // namespace

TowerFormat convnext_format() {
  return {.model_type = "convnext",
          .select_layer = -1,
          .read_config = read_convnext,
          .write_config = write_convnext,
          .measure = measure_convnext,
          .parameter_of = convnext_parameter,
          .is_unused = is_unused_in_convnext};
}

}  // namespace convllava::formats
