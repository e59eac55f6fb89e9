#pragma once

// A scene as a picture: shapes and OpenCV's Hershey fonts, in paint of slightly varying shade, before a cluttered
// background.

#include <string>

#include "data/demo/scene.h"

namespace convllava::demo {

/// A JPEG file of `size` x `size` pixels. The same scene and size give the same bytes.
std::string draw_jpeg(const Scene& scene, int size);

}  // namespace convllava::demo
