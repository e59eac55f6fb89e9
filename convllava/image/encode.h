#pragma once

#include <string>

#include "convllava/image/image.h"

namespace convllava::image {

/// The bytes of a baseline JPEG file: quality 85, colour at full resolution (4:4:4). Throws DataError for a size that
/// JPEG does not allow; sides are 1 to 65,500 pixels.
std::string encode_jpeg(const Image& image);

}  // namespace convllava::image
