#pragma once

// What the tests of a run's records share.

#include <string>

#include "convllava/image/image.h"
#include "tests/support/process.h"
#include "tests/support/test_image.h"

namespace convllava::report::testing {

using convllava::testing::FileSizeLimit;
using convllava::testing::TemporaryFolder;
using convllava::testing::test_image;
using convllava::testing::text_of;
using convllava::testing::write_text;

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
