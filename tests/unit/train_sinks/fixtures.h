#pragma once

// What the tests of a run's records share.

#include <sys/resource.h>

#include <csignal>
#include <string>

#include "convllava/image/image.h"
#include "tests/unit/core/fixtures.h"

namespace convllava::train::testing {

using core::testing::TemporaryFolder;
using core::testing::text_of;
using core::testing::write_text;

/// A smooth picture with an edge, so that both low and high frequencies occur.
inline image::Image test_picture(int64_t width, int64_t height) {
  image::Image picture{width, height, {}};
  for (int64_t y = 0; y < height; ++y) {
    for (int64_t x = 0; x < width; ++x) {
      const bool inside = x > width / 3 && y > height / 3;
      picture.pixels.push_back(static_cast<uint8_t>(255 * x / width));
      picture.pixels.push_back(static_cast<uint8_t>(inside ? 200 : 255 * y / height));
      picture.pixels.push_back(static_cast<uint8_t>(inside ? 30 : 120));
    }
  }
  return picture;
}

inline std::string ppm_bytes(const image::Image& picture) {
  return "P6\n" + std::to_string(picture.width) + " " + std::to_string(picture.height) + "\n255\n" +
         std::string(picture.pixels.begin(), picture.pixels.end());
}

/// No file of this process can grow beyond `bytes` while it lives; writes fail then like those to a full disk.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &saved_);
    const rlimit limit{bytes, saved_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &saved_);
    std::signal(SIGXFSZ, handler_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  void (*handler_)(int);
  rlimit saved_{};
};

inline size_t count_of(const std::string& text, const std::string& what) {
  size_t count = 0;
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + what.size())) ++count;
  return count;
}

}  // namespace convllava::train::testing
