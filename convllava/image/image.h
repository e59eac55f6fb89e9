#pragma once

// Images as bytes: decode and resize exactly as Pillow does, pad, crop. No tensor library here.

#include <cstdint>
#include <filesystem>
#include <string_view>
#include <vector>

#include "convllava/image/pixel_stats.h"

namespace convllava::image {

/// 8-bit RGB, rows top to bottom, interleaved: `pixels[(y * width + x) * 3 + channel]`.
struct Image {
  int64_t width = 0;
  int64_t height = 0;
  std::vector<uint8_t> pixels;
};

/// "JPEG", "PNG", "WebP", "GIF", "BMP", "TIFF" or "PPM", from the first bytes. Throws DataError for other files;
/// `where` is the place of the error.
std::string_view identify(std::string_view bytes, std::string_view where = {});

/// An image file -> RGB, as Pillow 13.0's `Image.open(file).convert("RGB")` gives it: the first frame or page, alpha
/// dropped, CMYK without colour management, grey of more than 8 bits clipped, EXIF orientation ignored except in TIFF.
/// docs/images.md lists the differences. Throws DataError where Pillow raises an error: not an image, truncated,
/// damaged, more pixels than Pillow's limit. Warns once in the process of a large image, and once of a damaged end.
Image decode_image(std::string_view bytes);

/// Reads and decodes a file; errors have its path. Throws DataError for a path with a NUL byte.
Image load_image(const std::filesystem::path& path);

/// Pillow's `resize((width, height), BICUBIC)` to the bit: a = -0.5, antialiased, 22-bit fixed point, horizontal pass
/// first with the result rounded to bytes; like Pillow since version 13, vertical pass first for an image that loses
/// more than twice as many rows as columns. Sizes >= 1.
Image resize_bicubic(const Image& source, int64_t width, int64_t height);

/// Equal to `resize_bicubic(pad_to_square(source, color), size, size)` to the bit, without the padded image.
Image pad_to_square_and_resize(const Image& source, const Color& color, int64_t size);

/// The image centred in a square of side max(width, height); an odd remainder is added at the bottom or right.
Image pad_to_square(const Image& source, const Color& color);

}  // namespace convllava::image
