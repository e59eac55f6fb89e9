#pragma once

#include <filesystem>
#include <string>

namespace convllava::report {

/// The image as a data: URI. The bytes of a JPEG, PNG, WebP or BMP file of at most 400 KB are taken as they are;
/// anything else is shrunk to at most 768 pixels a side and becomes a JPEG of about 100 KB, so that a report with eight
/// scanned pages stays small enough to send. Throws DataError when the image cannot be read.
std::string image_uri(const std::filesystem::path& path);

}  // namespace convllava::report
