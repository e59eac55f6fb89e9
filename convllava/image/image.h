#pragma once

// Pictures as bytes: decode, resize exactly as Pillow does, pad, crop, normalise. No tensor library here.

#include <array>
#include <cstdint>
#include <filesystem>
#include <string_view>
#include <vector>

namespace convllava::image {

/// 8-bit RGB, rows top to bottom, interleaved: `pixels[(y * width + x) * 3 + channel]`.
struct Image {
  int64_t width = 0;
  int64_t height = 0;
  std::vector<uint8_t> pixels;
};

using Color = std::array<uint8_t, 3>;

/// CLIP's constants: bytes times the scale, minus the mean, divided by the deviation. First as its
/// preprocessor_config.json writes them, then as they are computed with. The padding colour is int(mean * 255) as in
/// LLaVA.
inline constexpr double kClipScale = 0.00392156862745098;
inline constexpr std::array<double, 3> kClipMeanWritten = {0.48145466, 0.4578275, 0.40821073};
inline constexpr std::array<double, 3> kClipStdWritten = {0.26862954, 0.26130258, 0.27577711};
constexpr std::array<float, 3> to_floats(const std::array<double, 3>& values) {
  return {static_cast<float>(values[0]), static_cast<float>(values[1]), static_cast<float>(values[2])};
}
inline constexpr std::array<float, 3> kClipMean = to_floats(kClipMeanWritten);
inline constexpr std::array<float, 3> kClipStd = to_floats(kClipStdWritten);
inline constexpr Color kClipPadColor = {122, 116, 104};

/// JPEG, PNG, WebP, BMP or PPM bytes -> RGB with Pillow's `convert("RGB")` semantics: alpha dropped, palette and grey
/// expanded, CMYK converted naively (within one level of Pillow), EXIF orientation ignored. 16-bit samples are cut to
/// their high byte, also grey ones, which Pillow would clip to white. Throws DataError saying what is wrong (empty, not
/// a picture, truncated, damaged, an animated WebP); a build without OpenCV reads PPM only. Of a damaged file the codec
/// libraries may print a line of their own on stderr.
Image decode_image(std::string_view bytes);

/// Reads and decodes; the path is part of every message.
Image load_image(const std::filesystem::path& path);

/// Pillow's `resize((width, height), BICUBIC)` to the bit: a = -0.5, antialiased, 22-bit fixed point, horizontal pass
/// first with the result rounded to bytes; like Pillow since version 13, vertical pass first for a picture that loses
/// more than twice as many rows as columns. Sizes >= 1.
Image resize_bicubic(const Image& source, int64_t width, int64_t height);

/// Equals `resize_bicubic(pad_to_square(source, color), size, size)` to the bit without making the padded picture.
Image pad_to_square_and_resize(const Image& source, const Color& color, int64_t size);

/// The picture centred on a square of side max(width, height); an odd remainder goes to the bottom or right.
Image pad_to_square(const Image& source, const Color& color);

}  // namespace convllava::image
