#pragma once

#include <filesystem>

namespace convllava::formats {

/// Throws CheckpointError, naming file, field and value, when the preprocessor_config.json of a tower (in `directory`
/// or in its `vision_tower/`) prepares images differently from this library, which has CLIP's mean and deviation, the
/// scale 1/255 and bicubic resizing: the input of the tower would differ from its training. Sizes are not looked at.
/// A directory without that file passes.
void check_preprocessor(const std::filesystem::path& directory);

}  // namespace convllava::formats
