#pragma once

// How the pixels of a TIFF file are stored, and what its tags say about turning them.

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
  int used = 1;           ///< the first of them that matter
  bool separate = false;  ///< each sample in a plane of its own; `tiff_row_to_rgb` wants 8 bits, gathered
  bool is_signed = false;
  bool is_float = false;
  bool inverted = false;       ///< 0 is white
  bool premultiplied = false;  ///< the fourth sample is an alpha that the colours were multiplied with
  bool by_libtiff = false;     ///< luminance and colour differences, which libtiff converts itself
  Palette palette{};
};

/// Throws DataError for a layout that Pillow does not know, and for CIE L*a*b*, which it converts with a colour
/// profile.
TiffLayout find_tiff_layout(const EncodedImage& file, tiff* handle);

/// `count` pixels as libtiff gives them: samples side by side, wide ones in this machine's byte order.
void tiff_row_to_rgb(const TiffLayout& layout, const uint8_t* samples, int64_t count, uint8_t* rgb);

/// The image as TIFF's orientation 1 to 8 wants it shown. Pillow turns TIFF images, and no others, on its own.
Image oriented(Image image, int orientation);

}  // namespace convllava::image
