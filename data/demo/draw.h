#pragma once

// A scene as an image: shapes and OpenCV's Hershey fonts, in paint of slightly varying shade, before a cluttered
// background.
//
//     const std::string jpeg = draw_jpeg(make_scene(/*seed=*/1, Split::kTrain, /*index=*/0), /*size=*/64);

#include <string>

#include "data/demo/scene.h"

namespace convllava::demo {

/// A JPEG file of `size` x `size` pixels. The same scene and size give the same bytes.
std::string draw_jpeg(const Scene& scene, int size);

}  // namespace convllava::demo
