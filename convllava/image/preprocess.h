#pragma once

// The paper's picture pipelines (LLaVA's `process_images` + `CLIPImageProcessor`).

#include <cstdint>
#include <utility>

#include "convllava/image/image.h"

namespace convllava::image {

/// `kPad`: padded to a square with the mean colour, then resized to size x size (training and default inference).
/// `kNative`: the short side becomes `size`, the aspect ratio stays (paper section 4.3), long = int(size * long /
/// short). A picture longer than 64:1 is a DataError there: at size 768 it would give more than 9,216 tokens.
///
/// `kCrop`: short side to `size`, then the middle size x size (CLIPImageProcessor's default).
enum class Aspect { kPad, kNative, kCrop };

struct PreprocessOptions {
  int64_t size = 768;  ///< pixels, >= 64
  Aspect aspect = Aspect::kPad;
};

/// The size (height, width) that `preprocess` gives a picture of this size.
std::pair<int64_t, int64_t> output_size(const PreprocessOptions& options, int64_t height, int64_t width);

/// Resized 8-bit picture; `normalize` makes floats of it.
Image preprocess(const Image& source, const PreprocessOptions& options);

/// (pixel * 0.00392156862745098 - mean) / std in fp32, as the reference does, interleaved like the input: [H, W, 3].
void normalize(const Image& source, float* output);

}  // namespace convllava::image
