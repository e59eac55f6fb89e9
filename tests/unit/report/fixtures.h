#pragma once

// What the tests of a run's records share.

#include <string>

#include "convllava/image/image.h"
#include "tests/support/process.h"

namespace convllava::report::testing {

using convllava::testing::FileSizeLimit;
using convllava::testing::TemporaryFolder;
using convllava::testing::text_of;
using convllava::testing::write_text;

/// A smooth image with an edge, so that both low and high frequencies occur.
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

inline std::string ppm_bytes(const image::Image& image) {
  return "P6\n" + std::to_string(image.width) + " " + std::to_string(image.height) + "\n255\n" +
         std::string(image.pixels.begin(), image.pixels.end());
}

inline size_t count_of(const std::string& text, const std::string& what) {
  size_t count = 0;
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + what.size())) ++count;
  return count;
}

}  // namespace convllava::report::testing
