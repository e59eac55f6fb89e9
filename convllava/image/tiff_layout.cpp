#include "convllava/image/tiff_layout.h"

#include <fmt/format.h>
#include <tiffio.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>
#include <vector>

namespace convllava::image {
namespace {

struct Tags {
  uint16_t photometric = PHOTOMETRIC_MINISWHITE;
  uint16_t bits = 1;
  uint16_t samples = 1;
  uint16_t format = SAMPLEFORMAT_UINT;
  uint16_t fill_order = FILLORDER_MSB2LSB;
  uint16_t planes = PLANARCONFIG_CONTIG;
  uint16_t compression = COMPRESSION_NONE;
  uint16_t extra_count = 0;
  const uint16_t* extra = nullptr;
  bool big_endian = false;
};

Tags read_tags(TIFF* tiff) {
  Tags tags;
  TIFFGetField(tiff, TIFFTAG_PHOTOMETRIC, &tags.photometric);
  TIFFGetField(tiff, TIFFTAG_BITSPERSAMPLE, &tags.bits);
  TIFFGetField(tiff, TIFFTAG_SAMPLESPERPIXEL, &tags.samples);
  TIFFGetField(tiff, TIFFTAG_SAMPLEFORMAT, &tags.format);
  TIFFGetField(tiff, TIFFTAG_FILLORDER, &tags.fill_order);
  TIFFGetField(tiff, TIFFTAG_PLANARCONFIG, &tags.planes);
  TIFFGetField(tiff, TIFFTAG_COMPRESSION, &tags.compression);
  TIFFGetField(tiff, TIFFTAG_EXTRASAMPLES, &tags.extra_count, &tags.extra);
  tags.big_endian = TIFFIsBigEndian(tiff) != 0;
  if (tags.compression == COMPRESSION_OJPEG) tags.photometric = PHOTOMETRIC_YCBCR;
  return tags;
}

bool is_grey(const Tags& tags) {
  return tags.photometric == PHOTOMETRIC_MINISWHITE || tags.photometric == PHOTOMETRIC_MINISBLACK;
}

/// Depths of one grey sample that Pillow knows.
bool is_known_grey(const Tags& tags) {
  const bool black_is_zero = tags.photometric == PHOTOMETRIC_MINISBLACK;
  const bool ordinary_order = tags.fill_order == FILLORDER_MSB2LSB;
  const bool narrow = tags.bits == 1 || tags.bits == 2 || tags.bits == 4 || tags.bits == 8;
  switch (tags.format) {
    case SAMPLEFORMAT_UINT:
      if (narrow) return true;
      if (tags.bits == 12) return !tags.big_endian && black_is_zero && ordinary_order;
      if (tags.bits == 16) return tags.big_endian ? black_is_zero && ordinary_order : black_is_zero || ordinary_order;
      return tags.bits == 32 && !tags.big_endian && black_is_zero && ordinary_order;
    case SAMPLEFORMAT_INT:
      return black_is_zero && ordinary_order && (tags.bits == 8 || tags.bits == 16 || tags.bits == 32);
    case SAMPLEFORMAT_IEEEFP:
      return ordinary_order && tags.bits == 32;
    default:
      return false;
  }
}

bool is_known(const Tags& tags, int colors) {
  const bool ordinary_order = tags.fill_order == FILLORDER_MSB2LSB;
  const int extra = tags.samples - colors;
  const uint16_t first = tags.extra_count > 0 ? tags.extra[0] : EXTRASAMPLE_UNSPECIFIED;
  const bool undeclared_alpha = tags.photometric == PHOTOMETRIC_RGB && extra == 1 && tags.extra_count == 0;
  if (extra < 0 || (extra != tags.extra_count && !undeclared_alpha)) return false;
  for (int i = 1; i < tags.extra_count; ++i) {
    if (tags.extra[i] != EXTRASAMPLE_UNSPECIFIED) return false;
  }
  if (is_grey(tags) && extra == 0) return is_known_grey(tags);
  if (tags.format != SAMPLEFORMAT_UINT) return false;
  if (extra > 0 && !ordinary_order) return false;
  if (is_grey(tags)) {
    return extra == 1 && tags.bits == 8 && first != EXTRASAMPLE_ASSOCALPHA &&
           tags.photometric == PHOTOMETRIC_MINISBLACK;
  }
  switch (tags.photometric) {
    case PHOTOMETRIC_PALETTE:
      if (extra == 0) return tags.bits == 1 || tags.bits == 2 || tags.bits == 4 || tags.bits == 8;
      return extra == 1 && tags.bits == 8 && first != EXTRASAMPLE_ASSOCALPHA;
    case PHOTOMETRIC_RGB:
      if (tags.bits == 16) return extra <= 1 && ordinary_order;
      return tags.bits == 8 && extra <= 3;
    case PHOTOMETRIC_SEPARATED:
      if (!ordinary_order || first != EXTRASAMPLE_UNSPECIFIED) return false;
      return (tags.bits == 8 && extra <= 2) || (tags.bits == 16 && extra == 0);
    default:
      return tags.bits == 8 && extra == 0 && ordinary_order && tags.photometric == PHOTOMETRIC_YCBCR;
  }
}

int color_samples(const Tags& tags) {
  switch (tags.photometric) {
    case PHOTOMETRIC_RGB:
      return 3;
    case PHOTOMETRIC_YCBCR:
      return tags.samples == 1 ? 1 : 3;
    case PHOTOMETRIC_SEPARATED:
      return 4;
    default:
      return 1;
  }
}

Palette read_palette(const EncodedImage& file, TIFF* tiff, int bits) {
  uint16_t* channels[3] = {};
  if (TIFFGetField(tiff, TIFFTAG_COLORMAP, &channels[0], &channels[1], &channels[2]) != 1) file.fail("no palette");
  Palette palette{};
  for (size_t i = 0; i < size_t{1} << bits; ++i) {
    for (size_t channel = 0; channel < 3; ++channel) palette[i][channel] = channels[channel][i] >> 8;
  }
  return palette;
}

uint16_t wide_sample(const uint8_t* samples, int64_t index) {
  uint16_t value = 0;
  std::memcpy(&value, samples + 2 * index, sizeof(value));
  return value;
}

/// Grey of 12, 16 or 32 bits, clipped as Pillow clips it.
uint8_t clipped_grey(const TiffLayout& layout, const uint8_t* samples, int64_t index) {
  if (layout.bits == 12) {
    const uint8_t* pair = samples + index / 2 * 3;
    return clip_grey(index % 2 == 0 ? int64_t{pair[0]} << 4 | pair[1] >> 4 : int64_t{pair[1] & 15} << 8 | pair[2]);
  }
  if (layout.bits == 16) {
    const uint16_t value = wide_sample(samples, index);
    return clip_grey(layout.is_signed ? int64_t{static_cast<int16_t>(value)} : int64_t{value});
  }
  uint32_t value = 0;
  std::memcpy(&value, samples + 4 * index, sizeof(value));
  // Pillow keeps 32 bits without a sign in signed integers: the upper half becomes black.
  return layout.is_float ? clip_grey(std::bit_cast<float>(value)) : clip_grey(int64_t{static_cast<int32_t>(value)});
}

void divide_by_alpha(const uint8_t* samples, int64_t count, int step, uint8_t* rgb) {
  for (int64_t i = 0; i < count; ++i, samples += step, rgb += 3) {
    const int alpha = samples[3];
    for (int channel = 0; channel < 3; ++channel) {
      rgb[channel] = alpha == 0 ? 0 : clip_grey(int64_t{samples[channel] * 255 / alpha});
    }
  }
}

/// 8 bits a sample.
void color_row_to_rgb(const TiffLayout& layout, const uint8_t* samples, int64_t count, uint8_t* rgb) {
  if (layout.color == TiffColor::kCmyk) return cmyk_to_rgb(samples, count, layout.stored, rgb);
  if (layout.premultiplied) return divide_by_alpha(samples, count, layout.stored, rgb);
  if (layout.color == TiffColor::kRgb) return pick_to_rgb(samples, count, layout.stored, {0, 1, 2}, rgb);
  for (int64_t i = 0; i < count; ++i) {
    const uint8_t sample = samples[i * layout.stored];
    for (int channel = 0; channel < 3; ++channel) {
      rgb[3 * i + channel] = layout.color == TiffColor::kPalette ? layout.palette[sample][channel] : sample;
    }
  }
}

}  // namespace

TiffLayout find_tiff_layout(const EncodedImage& file, TIFF* tiff) {
  const Tags tags = read_tags(tiff);
  const int colors = color_samples(tags);
  const bool differences = tags.photometric == PHOTOMETRIC_YCBCR && colors == 3;
  // Pillow has a conversion of its own for uncompressed samples of this kind, and none for subsampled ones.
  if (!is_known(tags, colors) || (differences && tags.compression == COMPRESSION_NONE)) {
    file.fail(fmt::format("photometric interpretation {}, {} samples of {} bits, sample format {}, fill order {}",
                          tags.photometric, tags.samples, tags.bits, tags.format, tags.fill_order),
              "pixels in one of Pillow's layouts");
  }
  if (!TIFFIsCODECConfigured(tags.compression)) {
    file.fail(fmt::format("compression {}", tags.compression), "one that libtiff was built with");
  }
  TiffLayout layout{.bits = tags.bits, .stored = tags.samples, .used = colors};
  layout.separate = tags.planes == PLANARCONFIG_SEPARATE && tags.samples > 1;
  layout.is_signed = tags.format == SAMPLEFORMAT_INT;
  layout.is_float = tags.format == SAMPLEFORMAT_IEEEFP;
  layout.inverted = tags.photometric == PHOTOMETRIC_MINISWHITE && tags.bits <= 8;
  if (tags.photometric == PHOTOMETRIC_PALETTE) {
    layout.color = TiffColor::kPalette;
    layout.palette = read_palette(file, tiff, tags.bits);
  } else if (tags.photometric == PHOTOMETRIC_RGB || differences) {
    layout.color = TiffColor::kRgb;
    layout.premultiplied = tags.extra_count > 0 && tags.extra[0] == EXTRASAMPLE_ASSOCALPHA;
    if (layout.premultiplied) layout.used = 4;
  } else if (tags.photometric == PHOTOMETRIC_SEPARATED) {
    layout.color = TiffColor::kCmyk;
  }
  if (differences && tags.compression == COMPRESSION_JPEG && !layout.separate) {
    TIFFSetField(tiff, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
  } else {
    layout.by_libtiff = differences;
  }
  return layout;
}

void tiff_row_to_rgb(const TiffLayout& layout, const uint8_t* samples, int64_t count, uint8_t* rgb) {
  if (layout.separate || layout.bits == 8) {
    color_row_to_rgb(layout, samples, count, rgb);
  } else if (layout.color == TiffColor::kPalette) {
    palette_bits_to_rgb(samples, count, layout.bits, layout.palette, rgb);
  } else if (layout.color == TiffColor::kGrey && layout.bits < 8) {
    grey_bits_to_rgb(samples, count, layout.bits, rgb);
  } else if (layout.color == TiffColor::kGrey) {
    for (int64_t i = 0; i < count; ++i) std::fill_n(rgb + 3 * i, 3, clipped_grey(layout, samples, i));
  } else {
    std::vector<uint8_t> high(count * layout.stored);
    for (size_t i = 0; i < high.size(); ++i) high[i] = wide_sample(samples, static_cast<int64_t>(i)) >> 8;
    color_row_to_rgb(layout, high.data(), count, rgb);
  }
  if (layout.inverted) std::for_each_n(rgb, 3 * count, [](uint8_t& value) { value = 255 - value; });
}

Image oriented(Image image, int orientation) {
  if (orientation < 2 || orientation > 8) return image;
  const bool swapped = orientation >= 5;  // rows become columns
  const bool from_right = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  const bool from_bottom = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  Image turned{swapped ? image.height : image.width, swapped ? image.width : image.height, {}};
  turned.pixels.resize(image.pixels.size());
  uint8_t* target = turned.pixels.data();
  for (int64_t y = 0; y < turned.height; ++y) {
    for (int64_t x = 0; x < turned.width; ++x, target += 3) {
      const int64_t column = swapped ? y : x;
      const int64_t row = swapped ? x : y;
      const int64_t source_x = from_right ? image.width - 1 - column : column;
      const int64_t source_y = from_bottom ? image.height - 1 - row : row;
      std::copy_n(image.pixels.data() + (source_y * image.width + source_x) * 3, 3, target);
    }
  }
  return turned;
}

}  // namespace convllava::image
