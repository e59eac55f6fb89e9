#include "convllava/image/preprocess.h"

#include <fmt/format.h>

#include <algorithm>

#include "convllava/core/error.h"
#include "convllava/image/resample.h"

namespace convllava::image {
namespace {

/// At size 1536 such an image takes 2 GB as floats.
constexpr int64_t kMostElongated = 64;

/// Short side to `size`, (height, width). The integer quotient equals int(size * long / short) in floating point.
std::pair<int64_t, int64_t> scaled_size(int64_t size, int64_t height, int64_t width) {
  const int64_t long_side = size * std::max(height, width) / std::min(height, width);
  return height < width ? std::pair{size, long_side} : std::pair{long_side, size};
}

/// The middle of the resized image, without making the rest.
Image resize_and_center_crop(const Image& source, int64_t size) {
  check_image(source, "preprocess");
  const auto [height, width] = scaled_size(size, source.height, source.width);
  const auto span = [&](int64_t input, int64_t output) {
    return Span{.input = input, .output = output, .first = (output - size) / 2, .count = size};
  };
  return resample(source, span(source.width, width), span(source.height, height), {});
}

}  // namespace

std::string_view aspect_name(Aspect aspect) {
  for (const auto& [name, known] : kAspectNames) {
    if (aspect == known) return name;
  }
  throw Error("aspect_name", "not an aspect", fmt::to_string(static_cast<int>(aspect)));
}

std::pair<int64_t, int64_t> output_size(const PreprocessOptions& options, int64_t height, int64_t width) {
  if (options.size < 1) {
    throw ConfigError("image size", "no pixels asked for", fmt::to_string(options.size), "at least 1");
  }
  if (height < 1 || width < 1) {
    throw DataError("", "not an image", fmt::format("{}x{}", width, height), "at least 1x1 pixels");
  }
  if (options.aspect != Aspect::kNative) return {options.size, options.size};
  if (std::max(height, width) > kMostElongated * std::min(height, width)) {
    throw DataError("", "the image is too elongated for its native aspect ratio",
                    fmt::format("{}x{} pixels", width, height),
                    fmt::format("at most {}:1, or another aspect option", kMostElongated));
  }
  return scaled_size(options.size, height, width);
}

Image preprocess(const Image& source, const PreprocessOptions& options) {
  const auto [height, width] = output_size(options, source.height, source.width);
  if (options.aspect == Aspect::kPad) return pad_to_square_and_resize(source, options.stats.pad_color(), options.size);
  if (options.aspect == Aspect::kNative) return resize_bicubic(source, width, height);
  return resize_and_center_crop(source, options.size);
}

void PreprocessOptions::visit_fields(config::FieldVisitor& visitor) {
  visitor.fixed_on_resume().field(
      "size", size,
      "Side of the image in pixels; with `native`, its short side. A ConvNeXt of five stages makes one visual "
      "token of 64 x 64 pixels: 768 gives 144 tokens, 1024 gives 256, 1536 gives 576. Take a multiple of 64: it does "
      "not see the rest. A CLIP ViT takes one size, 336 in LLaVA-1.5.",
      {64, 16384});
  visitor.fixed_on_resume().choice<Aspect>(
      "aspect", aspect, {kAspectNames.begin(), kAspectNames.end()},
      "How an image that is not square is brought to its size: `pad` adds a border of the mean colour, `native` "
      "keeps the aspect ratio and gives more tokens to long images (not with a CLIP ViT), `crop` cuts the middle out.");
}

}  // namespace convllava::image
