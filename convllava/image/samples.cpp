#include "convllava/image/samples.h"

#include <algorithm>

namespace convllava::image {

void unpack_bits(const uint8_t* row, int64_t count, int bits, uint8_t* samples) {
  if (bits == 8) {
    std::copy_n(row, count, samples);
    return;
  }
  const int mask = (1 << bits) - 1;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t bit = i * bits;
    samples[i] = row[bit / 8] >> (8 - bits - bit % 8) & mask;
  }
}

void grey_bits_to_rgb(const uint8_t* row, int64_t count, int bits, uint8_t* rgb) {
  const int scale = 255 / ((1 << bits) - 1);
  // Samples are unpacked into the last third of the destination, which is filled from its front.
  uint8_t* samples = rgb + 2 * count;
  unpack_bits(row, count, bits, samples);
  for (int64_t i = 0; i < count; ++i) {
    const auto grey = static_cast<uint8_t>(samples[i] * scale);
    std::fill_n(rgb + 3 * i, 3, grey);
  }
}

void palette_bits_to_rgb(const uint8_t* row, int64_t count, int bits, const Palette& palette, uint8_t* rgb) {
  uint8_t* samples = rgb + 2 * count;
  unpack_bits(row, count, bits, samples);
  for (int64_t i = 0; i < count; ++i) {
    const Color& color = palette[samples[i]];
    std::copy(color.begin(), color.end(), rgb + 3 * i);
  }
}

void pick_to_rgb(const uint8_t* row, int64_t count, int step, const std::array<int, 3>& offsets, uint8_t* rgb) {
  const auto [red, green, blue] = offsets;
  for (int64_t i = 0; i < count; ++i, row += step, rgb += 3) {
    rgb[0] = row[red];
    rgb[1] = row[green];
    rgb[2] = row[blue];
  }
}

void cmyk_to_rgb(const uint8_t* row, int64_t count, int step, uint8_t* rgb) {
  for (int64_t i = 0; i < count; ++i, row += step, rgb += 3) {
    const int light = 255 - row[3];
    for (int channel = 0; channel < 3; ++channel) {
      const int product = row[channel] * light + 128;
      rgb[channel] = static_cast<uint8_t>(light - ((product >> 8) + product) / 256);
    }
  }
}

}  // namespace convllava::image
