#pragma once

// Rows of samples as in files -> RGB rows, equal to Pillow's unpackers and convert("RGB"). Outputs have 3 * count
// bytes; alpha is dropped.

#include <array>
#include <cstdint>

#include "convllava/image/image.h"

namespace convllava::image {

/// Entries that the file does not set are black.
using Palette = std::array<Color, 256>;

/// Samples of 1, 2, 4 or 8 bits, the first in the highest bits -> one byte each, unscaled.
void unpack_bits(const uint8_t* row, int64_t count, int bits, uint8_t* samples);

/// Grey samples of 1, 2, 4 or 8 bits, scaled to 0 .. 255.
void grey_bits_to_rgb(const uint8_t* row, int64_t count, int bits, uint8_t* rgb);

void palette_bits_to_rgb(const uint8_t* row, int64_t count, int bits, const Palette& palette, uint8_t* rgb);

/// Of the `step` bytes of a pixel, those at the offsets of red, green and blue.
void pick_to_rgb(const uint8_t* row, int64_t count, int step, const std::array<int, 3>& offsets, uint8_t* rgb);

/// Without colour management, rounded: 255 - k - c * (255 - k) / 255. `step` bytes per pixel; the first four are cyan,
/// magenta, yellow and black.
void cmyk_to_rgb(const uint8_t* row, int64_t count, int step, uint8_t* rgb);

/// Wide grey samples are clipped to 0 .. 255, not scaled.
inline uint8_t clip_grey(int64_t sample) { return static_cast<uint8_t>(sample < 0 ? 0 : sample > 255 ? 255 : sample); }
inline uint8_t clip_grey(float sample) {
  return static_cast<uint8_t>(!(sample > 0.0F) ? 0.0F : sample >= 255.0F ? 255.0F : sample);
}

}  // namespace convllava::image
