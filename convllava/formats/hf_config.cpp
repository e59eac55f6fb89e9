#include "convllava/formats/hf_config.h"

#include <fmt/format.h>

#include <charconv>

#include "convllava/checkpoint/file_access.h"
#include "convllava/checkpoint/json_object.h"
#include "convllava/core/error.h"
#include "convllava/core/log.h"
#include "convllava/formats/config_fields.h"
#include "convllava/formats/hf_config_names.h"
#include "convllava/formats/language_format.h"
#include "convllava/formats/model_directory.h"
#include "convllava/formats/name_map.h"
#include "convllava/formats/preprocessor_check.h"
#include "convllava/formats/tower_format.h"
#include "convllava/model/connector.h"
#include "convllava/nn/libtorch.h"

namespace convllava::formats {
namespace fs = std::filesystem;
namespace {

/// What LLaVA's descendants may switch on and this library does not have.
void refuse_llava_variants(const checkpoint::JsonObject& file, const model::VisionConfig& tower) {
  const int64_t layer = format_of(tower).select_layer;
  if (file.whole("mm_vision_select_layer", layer) != layer) {
    file.fail_value("mm_vision_select_layer", std::to_string(layer));
  }
  if (file.text("mm_vision_select_feature", "patch") != "patch") {
    file.fail_value("mm_vision_select_feature", "\"patch\"");
  }
  if (file.flag("mm_use_im_start_end", false)) file.fail_value("mm_use_im_start_end", "false");
}

std::string read_projector_type(const checkpoint::JsonObject& file) {
  const std::string type = file.text("mm_projector_type", model::ModelConfig().projector_type);
  std::vector<std::string_view> names;
  for (const auto& kind : model::connectors()) {
    if (type == kind.name) return type;
    names.push_back(kind.name);
  }
  file.fail_value("mm_projector_type", choices(names));
}

/// The side of the square images: `crop_size`, or `size` where that is absent. Older files write the number alone.
int64_t read_image_size(const checkpoint::JsonObject& file) {
  const char* field = file.has("crop_size") ? "crop_size" : "size";
  int64_t side = 0;
  if (!file.is_object(field)) {
    side = file.whole(field);
  } else if (const checkpoint::JsonObject size = file.object(field); size.has("shortest_edge")) {
    side = size.whole("shortest_edge");
  } else {
    side = size.whole("height");
    if (size.whole("width") != side) file.fail_value(field, "a square");
  }
  if (side < kLeastImage || side > kMostImage) {
    file.fail_value(field, fmt::format("{} to {} pixels on a side", kLeastImage, kMostImage));
  }
  return side;
}

/// The same where there is no preprocessor_config.json: what the name of the tower ends with ("...-ConvNeXt-1536"), or
/// the default.
int64_t guess_image_size(const std::string& tower, const fs::path& absent) {
  const size_t dash = tower.rfind('-');
  const std::string_view end = dash == tower.npos ? "" : std::string_view(tower).substr(dash + 1);
  int64_t size = 0;
  const auto number = std::from_chars(end.data(), end.data() + end.size(), size);
  const bool whole = number.ec == std::errc() && number.ptr == end.data() + end.size();
  if (whole && size >= kLeastImage && size <= kMostImage) return size;
  const int64_t assumed = image::PreprocessOptions().size;
  core::log_warning(fmt::format("{}: missing; assuming images with sides of {} pixels", absent.string(), assumed));
  return assumed;
}

/// Where a directory has no config.json of its tower.
model::VisionConfigPtr measure_tower(const fs::path& directory) {
  TensorShapes shapes;
  const checkpoint::ModelShards shards(directory);
  for (const auto& [name, info] : shards.tensors()) {
    shapes[std::string(without_stored_prefix(name))] = info.shape;
  }
  for (const auto& format : tower_formats()) {
    if (format.measure == nullptr) continue;
    if (auto config = format.measure(shapes, directory.string())) return config;
  }
  throw CheckpointError(directory.string(), "no vision tower in it", {},
                        "a config.json with model_type " + tower_model_types() + ", or the tensors of a ConvNeXt");
}

/// A model with a text tower beside (CLIPModel) has the fields of its tower in `vision_config`.
model::VisionConfigPtr read_tower_config(const fs::path& tower) {
  if (!checkpoint::path_exists(tower / kConfigFile)) return measure_tower(tower);
  const checkpoint::JsonObject file(tower / kConfigFile);
  const std::string type = file.text("model_type", "");
  if (is_llava(type)) return measure_tower(tower);
  const checkpoint::JsonObject fields = file.is_object("vision_config") ? file.object("vision_config") : file;
  const std::string family = fields.text("model_type", "");
  if (const auto* format = find_tower_format(family)) return format->read_config(fields);
  if (!family.empty()) fields.fail_value("model_type", tower_model_types());
  return measure_tower(tower);
}

}  // namespace

image::PreprocessOptions read_image_options(const fs::path& directory, const model::VisionConfig& tower) {
  image::PreprocessOptions options;
  options.aspect = image::Aspect::kCrop;
  options.stats = tower.pixel_stats();
  std::string tower_name;
  if (checkpoint::path_exists(directory / kConfigFile)) {
    const checkpoint::JsonObject model(directory / kConfigFile);
    const std::string aspect = model.text("image_aspect_ratio", "square");
    if (aspect.starts_with("anyres")) {
      model.fail_value("image_aspect_ratio", "\"pad\", \"native\" or \"square\"");
    }
    for (const auto& [name, known] : image::kAspectNames) {
      if (aspect == llava_aspect_name(known)) options.aspect = known;
    }
    tower_name = model.text("mm_vision_tower", "");
  }
  const fs::path path = tower_directory(directory) / kPreprocessorFile;
  if (checkpoint::path_exists(path)) {
    options.size = read_image_size(checkpoint::JsonObject(path));
  } else {
    const auto fixed = tower.fixed_image_size();
    options.size = fixed ? *fixed : guess_image_size(tower_name, path);
  }
  return options;
}

fs::path tower_directory(const fs::path& directory) {
  const fs::path inside = directory / kTowerDirectory;
  return checkpoint::directory_exists(inside) ? inside : directory;
}

model::LanguageConfig read_language_config(const fs::path& directory) {
  const checkpoint::JsonObject file(directory / kConfigFile);
  return language_format_of(file).read_config(file, directory);
}

model::VisionConfigPtr read_vision_config(const fs::path& directory) {
  const fs::path tower = tower_directory(directory);
  auto config = read_tower_config(tower);
  check_preprocessor(tower, config->pixel_stats());
  return config;
}

model::ModelConfig read_model_config(const fs::path& directory) {
  model::ModelConfig model;
  model.llm = read_language_config(directory);
  const checkpoint::JsonObject file(directory / kConfigFile);
  if (!is_llava(file.text("model_type"))) return model;
  model.projector_type = read_projector_type(file);
  model.vision = read_vision_config(directory);
  refuse_llava_variants(file, *model.vision);
  return model;
}

}  // namespace convllava::formats
