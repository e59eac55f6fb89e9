#include "convllava/formats/tower_format.h"

#include "convllava/core/error.h"
#include "convllava/formats/config_fields.h"

namespace convllava::formats {

// A new format is a source in towers/ and its name in these two lines.
TowerFormat clip_vit_format();
TowerFormat convnext_format();

const std::vector<TowerFormat>& tower_formats() {
  static const std::vector<TowerFormat> formats = {convnext_format(), clip_vit_format()};
  return formats;
}

const TowerFormat* find_tower_format(std::string_view model_type) {
  for (const auto& format : tower_formats()) {
    if (format.model_type == model_type) return &format;
  }
  return nullptr;
}

std::string tower_model_types() {
  std::vector<std::string_view> names;
  for (const auto& format : tower_formats()) names.push_back(format.model_type);
  return choices(names);
}

const TowerFormat& format_of(const model::VisionConfig& config) {
  if (const auto* format = find_tower_format(config.model_type())) return *format;
  throw CheckpointError("vision tower", "its family has no format for files", config.model_type(), tower_model_types());
}

}  // namespace convllava::formats
