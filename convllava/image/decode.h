#pragma once

// The codecs behind decode_image and load_image (image.h), which check the bytes first:
//
//     const Image image = decode_compressed(identify(bytes, path), bytes, path);

#include <string_view>

#include "convllava/image/file_format.h"
#include "convllava/image/image.h"

namespace convllava::image {

/// Pixels of a complete JPEG, PNG, WebP or BMP file. opencv_decode.cpp does it; no_opencv_decode.cpp throws DataError.
Image decode_compressed(FileFormat format, std::string_view bytes, std::string_view where);

}  // namespace convllava::image
