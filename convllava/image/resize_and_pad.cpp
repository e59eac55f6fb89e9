#include <fmt/format.h>

#include <algorithm>

#include "convllava/core/error.h"
#include "convllava/image/image.h"
#include "convllava/image/resample.h"

namespace convllava::image {
namespace {

void check(const Image& source, const char* where, int64_t width, int64_t height) {
  check_image(source, where);
  if (width < 1 || height < 1) {
    throw ConfigError(where, "no pixels asked for", fmt::format("{}x{}", width, height), "at least 1x1");
  }
}

}  // namespace

void check_image(const Image& source, const char* where) {
  if (source.width < 1 || source.height < 1 ||
      static_cast<int64_t>(source.pixels.size()) != source.width * source.height * 3) {
    throw DataError(where, "not an image",
                    fmt::format("{}x{} with {} bytes", source.width, source.height, source.pixels.size()),
                    "at least 1x1 pixels and width * height * 3 bytes");
  }
}

Image resize_bicubic(const Image& source, int64_t width, int64_t height) {
  check(source, "resize_bicubic", width, height);
  if (width == source.width && height == source.height) return source;
  return resample(source, {.input = source.width, .output = width, .count = width},
                  {.input = source.height, .output = height, .count = height}, {});
}

Image pad_to_square_and_resize(const Image& source, const Color& color, int64_t size) {
  check(source, "pad_to_square_and_resize", size, size);
  const int64_t side = std::max(source.width, source.height);
  if (side == size) return pad_to_square(source, color);
  const auto span = [&](int64_t input) {
    const int64_t before = (side - input) / 2;
    return Span{.input = input, .before = before, .after = side - input - before, .output = size, .count = size};
  };
  return resample(source, span(source.width), span(source.height), color);
}

Image pad_to_square(const Image& source, const Color& color) {
  check_image(source, "pad_to_square");
  const int64_t side = std::max(source.width, source.height);
  const int64_t left = (side - source.width) / 2;
  const int64_t top = (side - source.height) / 2;
  Image result{side, side, std::vector<uint8_t>(side * side * 3)};
  for (size_t i = 0; i < result.pixels.size(); i += 3) std::copy(color.begin(), color.end(), &result.pixels[i]);
  for (int64_t y = 0; y < source.height; ++y) {
    std::copy_n(&source.pixels[y * source.width * 3], source.width * 3, &result.pixels[((top + y) * side + left) * 3]);
  }
  return result;
}

}  // namespace convllava::image
