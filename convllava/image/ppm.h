#pragma once

#include <string_view>

#include "convllava/image/image.h"

namespace convllava::image {

/// Binary PPM ("P6"), the one format that needs no library. Samples whose maximum is not 255 are scaled as Pillow
/// scales them. Throws DataError for a malformed header or missing bytes; `where` begins the message.
Image read_ppm(std::string_view bytes, std::string_view where);

}  // namespace convllava::image
