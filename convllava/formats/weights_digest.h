#pragma once

#include <filesystem>
#include <string>

namespace convllava::formats {

/// Identifies the weights of a directory (and of its `vision_tower/`): 16 hexadecimal digits, equal for copies
/// wherever they lie and however they are split into files. Covers every tensor's name, type and shape and 16 KiB of
/// its bytes, all of a small one: a step of training changes nearly every byte of what it trains, and reading 15 GB
/// at each start would take minutes. Not proof against a forger. Throws CheckpointError.
std::string weights_digest(const std::filesystem::path& directory);

}  // namespace convllava::formats
