#pragma once

// What the readers of one format each (bmp.cpp, gif.cpp, ...) share. decode.cpp finds the reader by a file's first
// bytes.

#include <cstdint>
#include <string_view>

#include "convllava/image/image.h"

namespace convllava::image {

/// Pillow's MAX_IMAGE_PIXELS: above it a warning, above twice as many an error.
inline constexpr int64_t kManyPixels = 89478485;
inline constexpr int64_t kMostPixels = 2 * kManyPixels;

/// An image file in memory, and what messages about it need. Its views outlive the reading.
struct EncodedImage {
  std::string_view bytes;
  std::string_view where;   ///< path, or nothing; begins each message
  std::string_view format;  ///< "PNG"

  /// DataError "the PNG image cannot be decoded; got REASON; expected EXPECTED".
  [[noreturn]] void fail(std::string_view reason, std::string_view expected = "undamaged data") const;

  /// DataError: "the PNG image is truncated; got N bytes".
  [[noreturn]] void fail_truncated() const;

  /// Throws DataError unless Pillow would make an image of this size. Call before pixels are allocated. The first
  /// large image of the process is named in a warning.
  void check_size(int64_t width, int64_t height) const;

  /// The pixels are there, but DAMAGE was passed over as Pillow passes over it. Warns once in the process.
  void warn_damaged(std::string_view damage) const;
};

/// Whether Pillow would try this format, from the first bytes.
bool accepts_bmp(std::string_view bytes);
bool accepts_gif(std::string_view bytes);
bool accepts_jpeg(std::string_view bytes);
bool accepts_png(std::string_view bytes);
bool accepts_ppm(std::string_view bytes);
bool accepts_tiff(std::string_view bytes);
bool accepts_webp(std::string_view bytes);

/// The first frame or page as Pillow's `convert("RGB")` gives it. Throws DataError.
Image read_bmp(const EncodedImage& file);
Image read_gif(const EncodedImage& file);
Image read_jpeg(const EncodedImage& file);
Image read_png(const EncodedImage& file);
Image read_ppm(const EncodedImage& file);
Image read_tiff(const EncodedImage& file);
Image read_webp(const EncodedImage& file);

}  // namespace convllava::image
