#pragma once

#include <filesystem>

#include "convllava/image/pixel_stats.h"

namespace convllava::formats {

/// Throws CheckpointError where the preprocessor_config.json of a tower's directory asks for other pixels than the
/// tower gets: mean and deviation are `stats`, the scale is 1/255, images are resized with bicubic interpolation. A
/// missing file or field is no error.
void check_preprocessor(const std::filesystem::path& tower, const image::PixelStats& stats);

}  // namespace convllava::formats
