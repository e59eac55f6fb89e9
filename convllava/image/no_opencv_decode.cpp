#include <fmt/format.h>

#include "convllava/core/error.h"
#include "convllava/image/decode.h"

namespace convllava::image {

Image decode_compressed(FileFormat format, std::string_view /*bytes*/, std::string_view where) {
  throw DataError(error_message(where, "this build reads PPM pictures only",
                                fmt::format("a {} picture", format_name(format)),
                                "a PPM picture, or a build with OpenCV (-DCONVLLAVA_OPENCV=ON)"));
}

}  // namespace convllava::image
