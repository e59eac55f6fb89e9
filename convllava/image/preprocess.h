#pragma once

// The paper's image pipelines (LLaVA's `process_images` + `CLIPImageProcessor`).

#include <array>
#include <cstdint>
#include <string_view>
#include <utility>

#include "convllava/config/fields.h"
#include "convllava/image/image.h"

namespace convllava::image {

/// `kPad`: padded to a square with the mean colour, then resized to size x size (training and default inference).
/// `kNative`: the short side becomes `size`, the aspect ratio stays (paper section 4.3), long = int(size * long /
/// short). An image longer than 64:1 is a DataError there: at size 768 it would give more than 9,216 tokens.
///
/// `kCrop`: short side to `size`, then the middle size x size (CLIPImageProcessor's default).
enum class Aspect { kPad, kNative, kCrop };

/// What configurations call them.
inline constexpr std::array<std::pair<std::string_view, Aspect>, 3> kAspectNames = {
    {{"pad", Aspect::kPad}, {"native", Aspect::kNative}, {"crop", Aspect::kCrop}}};
std::string_view aspect_name(Aspect aspect);

/// Section `image`.
struct PreprocessOptions {
  int64_t size = 768;  ///< pixels, >= 1
  Aspect aspect = Aspect::kPad;
  void visit_fields(config::FieldVisitor& visitor);
};

/// The size (height, width) that `preprocess` gives an image of this size.
std::pair<int64_t, int64_t> output_size(const PreprocessOptions& options, int64_t height, int64_t width);

/// Resized 8-bit image; `model::normalize_pixels` makes floats of it on the model's device.
Image preprocess(const Image& source, const PreprocessOptions& options);

}  // namespace convllava::image
