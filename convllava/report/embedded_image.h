#pragma once

#include <filesystem>
#include <string>

namespace convllava::report {

/// The image as a data: URI. A JPEG, PNG, WebP or BMP file of at most 400 KB is embedded unchanged. Other images are
/// resized to at most 768 pixels per side and encoded as a JPEG of about 100 KB, so that a report with eight scanned
/// pages is small enough to send. Throws DataError if the image cannot be read.
std::string image_uri(const std::filesystem::path& path);

}  // namespace convllava::report
