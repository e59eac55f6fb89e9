#pragma once

// Which version of the library this is, and what it was built with.

#include <string>
#include <string_view>

namespace convllava::core {

/// "0.1.0".
std::string_view version();

/// "0.1.0, LibTorch 2.11.0, OpenCV: TRUE, CUDA and NCCL: FALSE, build type Release": what `--version` of the programs
/// prints.
std::string_view version_and_build();

/// Checksum and size of the program's file, "1c291ca3, 31457280 bytes": different for different builds.
std::string program_digest();

}  // namespace convllava::core
