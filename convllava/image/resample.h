#pragma once

// The resampler of resize_and_pad.cpp: two passes, 8 bits, with the padding as part of the weights.

#include <cstdint>
#include <vector>

#include "convllava/image/image.h"

namespace convllava::image {

/// One direction of a resampling: `before + input + after` pixels become `output` pixels, and [first, first + count) of
/// them are computed. `before` and `after` are the numbers of padding pixels.
struct Span {
  int64_t input = 0;
  int64_t before = 0;
  int64_t after = 0;
  int64_t output = 0;
  int64_t first = 0;
  int64_t count = 0;
};

/// Pillow's bicubic weights of one direction, in 1 / 2^22. Output i is the sum of `weights[start[i] .. start[i + 1])`
/// times the cells from `cell[i]` on. Cells 1 .. input are the image's pixels; cell 0 is all the padding before them
/// and cell input + 1 all the padding after: integer sums may be regrouped, so one cell with the sum of their weights
/// equals them.
struct Weights {
  std::vector<int64_t> cell;
  std::vector<int64_t> start;
  std::vector<int32_t> weights;

  int64_t taps(int64_t output) const { return start[output + 1] - start[output]; }
};

Weights bicubic_weights(const Span& span);

/// A window of the padded, resized image; equals Pillow's `paste` and `resize(..., BICUBIC)` to the bit.
/// Columns first, rounded to bytes, then rows; or, as Pillow does since version 13, rows first for an image without
/// padding that loses more than twice as many rows as columns. Only the needed source rows are read, each once.
Image resample(const Image& source, const Span& columns, const Span& rows, const Color& padding);

/// Throws DataError unless `source` has at least one pixel and 3 * width * height bytes.
void check_image(const Image& source, const char* where);

}  // namespace convllava::image
