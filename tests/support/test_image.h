#pragma once

#include "convllava/image/image.h"

namespace convllava::testing {

/// A gradient with a rectangle of one colour, so that both low and high frequencies occur.
inline image::Image test_image(int64_t width, int64_t height) {
  image::Image image{width, height, {}};
  for (int64_t y = 0; y < height; ++y) {
    for (int64_t x = 0; x < width; ++x) {
      const bool inside = x > width / 3 && y > height / 3;
      image.pixels.push_back(static_cast<uint8_t>(255 * x / width));
      image.pixels.push_back(static_cast<uint8_t>(inside ? 200 : 255 * y / height));
      image.pixels.push_back(static_cast<uint8_t>(inside ? 30 : 120));
    }
  }
  return image;
}

}  // namespace convllava::testing
