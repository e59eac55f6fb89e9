#pragma once

// The paper's image pipelines (LLaVA's `process_images` + `CLIPImageProcessor`).

#include <array>
#include <cstdint>
#include <string_view>
#include <utility>

#include "convllava/config/fields.h"
#include "convllava/image/image.h"
#include "convllava/image/pixel_stats.h"

namespace convllava::image {

/// `kPad`: padded to a square with the mean colour, then resized to size x size (training and default inference).
/// `kNative`: the short side becomes `size`, and the aspect ratio is kept (paper section 4.3): long = int(size * long /
/// short). Throws DataError for an aspect ratio above 64:1: at size 768 that is more than 9,216 tokens.
/// `kCrop`: short side to `size`, then the middle size x size (CLIPImageProcessor's default).
enum class Aspect { kPad, kNative, kCrop };

/// The names in configurations.
inline constexpr std::array<std::pair<std::string_view, Aspect>, 3> kAspectNames = {
    {{"pad", Aspect::kPad}, {"native", Aspect::kNative}, {"crop", Aspect::kCrop}}};
std::string_view aspect_name(Aspect aspect);

/// Section `image`.
struct PreprocessOptions {
  int64_t size = 768;  ///< pixels, >= 1
  Aspect aspect = Aspect::kPad;
  PixelStats stats = kClipPixels;  ///< of the tower that gets the images; no option of a configuration
  void visit_fields(config::FieldVisitor& visitor);
};

/// The size (height, width) of the output of `preprocess`.
std::pair<int64_t, int64_t> output_size(const PreprocessOptions& options, int64_t height, int64_t width);

/// The resized 8-bit image. `model::normalize_pixels` converts it to floats on the model's device.
Image preprocess(const Image& source, const PreprocessOptions& options);

}  // namespace convllava::image
