#pragma once

// How the pixels of a TIFF file are stored, and its orientation tag.

#include <cstdint>

#include "convllava/image/decode.h"
#include "convllava/image/image.h"
#include "convllava/image/samples.h"

struct tiff;  // libtiff's TIFF

namespace convllava::image {

enum class TiffColor { kGrey, kPalette, kRgb, kCmyk };

struct TiffLayout {
  TiffColor color = TiffColor::kGrey;
  int bits = 8;           ///< of a sample
  int stored = 1;         ///< samples of a pixel
  int used = 1;           ///< of these, the first ones that are used
  bool separate = false;  ///< one plane per sample; `tiff_row_to_rgb` expects 8-bit samples side by side
  bool is_signed = false;
  bool is_float = false;
  bool inverted = false;       ///< 0 is white
  bool premultiplied = false;  ///< the fourth sample is an alpha that the colours were multiplied with
  bool by_libtiff = false;     ///< luminance and colour differences, which libtiff converts itself
  Palette palette{};
};

/// Throws DataError for a layout that Pillow does not know, and for CIE L*a*b*, which Pillow converts with a colour
/// profile.
TiffLayout find_tiff_layout(const EncodedImage& file, tiff* handle);

/// `count` pixels from libtiff: samples side by side, those of 16 and 32 bits in the byte order of this machine.
void tiff_row_to_rgb(const TiffLayout& layout, const uint8_t* samples, int64_t count, uint8_t* rgb);

/// The image turned by TIFF's orientation, 1 to 8. Pillow turns TIFF images only.
Image oriented(Image image, int orientation);

}  // namespace convllava::image
