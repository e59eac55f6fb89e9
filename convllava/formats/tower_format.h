#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "convllava/checkpoint/json_object.h"
#include "convllava/model/vision/tower.h"

// How vision towers are stored. docs/adding/tower.md shows how to add one.

namespace convllava::formats {

/// Shapes of the tensors of a file, by name.
using TensorShapes = std::map<std::string, std::vector<int64_t>>;

/// How the towers of one family are stored.
struct TowerFormat {
  std::string_view model_type;  ///< of config.json, and of the family's VisionConfig
  /// LLaVA's `mm_vision_select_layer` of the tower's features: -1 is the network's output, -2 the states before its
  /// last layer.
  int64_t select_layer = -1;
  /// From the fields of config.json. Throws CheckpointError.
  model::VisionConfigPtr (*read_config)(const checkpoint::JsonObject& file);
  /// The text of config.json. `dtype`: "bfloat16" and the like.
  std::string (*write_config)(const model::VisionConfig& config, int64_t image_size, std::string_view dtype);
  /// The shape of the tower whose tensors these are, for directories without a config.json of it; null where they are
  /// no tower of this family. A null function where tensors do not tell the shape. Throws CheckpointError for `where`.
  model::VisionConfigPtr (*measure)(const TensorShapes& shapes, const std::string& where);
  /// The parameter of the tower that a tensor holds, whatever library named it; nothing for text towers and heads.
  std::optional<std::string> (*parameter_of)(std::string_view tensor);
  /// Whether a tensor is a part of the family's networks that a tower of this shape does not compute.
  bool (*is_unused)(const model::VisionConfig& config, std::string_view tensor);
};

const std::vector<TowerFormat>& tower_formats();
/// Null for a family that is not in the table.
const TowerFormat* find_tower_format(std::string_view model_type);
/// The families, for messages: "convnext" or ...
std::string tower_model_types();

/// The format of a tower. Throws CheckpointError where it has none: a tower of other code cannot be stored.
const TowerFormat& format_of(const model::VisionConfig& config);

}  // namespace convllava::formats
