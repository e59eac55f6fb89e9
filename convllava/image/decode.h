#pragma once

// Shared by the readers of the formats (bmp.cpp, gif.cpp, ...). decode.cpp has the table of formats and selects the
// reader by the first bytes of a file.

#include <cstdint>
#include <string_view>

#include "convllava/image/image.h"

namespace convllava::image {

/// Pillow's MAX_IMAGE_PIXELS: above it a warning, above twice as many an error.
inline constexpr int64_t kManyPixels = 89478485;
inline constexpr int64_t kMostPixels = 2 * kManyPixels;

/// An image file in memory, with its name for messages. The views must outlive the call of the reader.
struct EncodedImage {
  std::string_view bytes;
  std::string_view where;   ///< path, or ""; first in each message
  std::string_view format;  ///< "PNG"

  /// DataError "the PNG image cannot be decoded; got REASON; expected EXPECTED".
  [[noreturn]] void fail(std::string_view reason, std::string_view expected = "undamaged data") const;

  /// DataError: "the PNG image is truncated; got N bytes".
  [[noreturn]] void fail_truncated() const;

  /// Throws DataError if Pillow rejects this size. Call before pixels are allocated. Warns once in the process of a
  /// large image.
  void check_size(int64_t width, int64_t height) const;

  /// For damage that Pillow ignores: the pixels are complete. Warns once in the process.
  void warn_damaged(std::string_view damage) const;
};

/// Whether Pillow tries this format for these first bytes.
bool accepts_bmp(std::string_view bytes);
bool accepts_gif(std::string_view bytes);
bool accepts_jpeg(std::string_view bytes);
bool accepts_png(std::string_view bytes);
bool accepts_ppm(std::string_view bytes);
bool accepts_tiff(std::string_view bytes);
bool accepts_webp(std::string_view bytes);

/// The first frame or page, equal to Pillow's `convert("RGB")`. Throws DataError.
Image read_bmp(const EncodedImage& file);
Image read_gif(const EncodedImage& file);
Image read_jpeg(const EncodedImage& file);
Image read_png(const EncodedImage& file);
Image read_ppm(const EncodedImage& file);
Image read_tiff(const EncodedImage& file);
Image read_webp(const EncodedImage& file);

}  // namespace convllava::image
