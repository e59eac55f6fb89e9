#pragma once

#include <string_view>

#include "convllava/image/preprocess.h"

// Names that hf_config.cpp reads and hf_config_write.cpp writes.

namespace convllava::formats {

inline constexpr const char* kConfigFile = "config.json";
inline constexpr const char* kPreprocessorFile = "preprocessor_config.json";
/// The folder of a model's tower; `mm_vision_tower` names it.
inline constexpr const char* kTowerDirectory = "vision_tower";

/// LLaVA's word for it, which differs for one.
inline std::string_view llava_aspect_name(image::Aspect aspect) {
  return aspect == image::Aspect::kCrop ? "square" : image::aspect_name(aspect);
}

}  // namespace convllava::formats
