#pragma once

#include <string>

#include "convllava/image/image.h"

namespace convllava::report {

/// A baseline JPEG file (ITU T.81, full colour resolution, the Huffman tables of its annex K) at about quality 85.
/// Images in a report need nothing more. Sides from 1 to 65,535 pixels.
std::string encode_jpeg(const image::Image& image);

}  // namespace convllava::report
