#include <fmt/format.h>

#include <map>
#include <string>

#include "convllava/core/error.h"
#include "convllava/image/image.h"
#include "convllava/image/preprocess.h"
#include "tests/catch.h"
#include "tests/unit/image/golden.h"

namespace convllava::image {
namespace {

/// What differs from Pillow, and why (docs/images.md).
const std::map<std::string, std::string> kDifferences = {
    // libtiff takes a palette image without a palette for grey.
    {"palette_missing.tif", "33 21 bd4b788a7411df20"},
    // Pillow reads uncompressed planes of 16 bits as planes of 8 bits; this is what it makes of compressed ones.
    {"planes_16.tif", "33 21 fa1ca6ad033e597b"},
    // Not read: L*a*b*, uncompressed YCbCr, and a byte order that contradicts the number behind it.
    {"lab.tif", "refused"},
    {"ycbcr_uncompressed.tif", "refused"},
    {"wrong_magic.tif", "refused"},
};

/// "33 21 0123456789abcdef" or "refused", as decode.txt has it.
std::string result_of(std::string_view bytes) {
  try {
    const Image image = decode_image(bytes);
    return fmt::format("{} {} {:016x}", image.width, image.height, testing::fnv1a(image));
  } catch (const DataError&) {
    return "refused";
  }
}

TEST_CASE("drawn images of every format equal Pillow's or are rejected as by Pillow", "[image]") {
  std::map<std::string, int> compared;
  for (const testing::GoldenImage& image : testing::golden_images()) {
    const auto difference = kDifferences.find(image.name);
    const std::string& expected = difference == kDifferences.end() ? image.expected : difference->second;
    CHECK(image.name + " " + result_of(image.bytes) == image.name + " " + expected);
    ++compared[image.name.substr(image.name.rfind('.'))];
  }
  for (const char* extension : {".jpg", ".png", ".webp", ".bmp", ".gif", ".tif", ".ppm"}) {
    CAPTURE(extension);
    CHECK(compared[extension] >= 20);
  }
}

TEST_CASE("every difference from Pillow is one", "[image]") {
  size_t found = 0;
  for (const testing::GoldenImage& image : testing::golden_images()) {
    const auto difference = kDifferences.find(image.name);
    if (difference == kDifferences.end()) continue;
    CHECK(image.expected != difference->second);
    ++found;
  }
  CHECK(found == kDifferences.size());
}

TEST_CASE("bytes behind the end of an image do not matter", "[image]") {
  for (const char* name :
       {"420.jpg", "whole.png", "lossy.webp", "pillow.gif", "header_40_bits_24.bmp", "raw_rgb.tif", "p6.ppm"}) {
    CAPTURE(name);
    const std::string bytes = testing::golden_image(name).bytes;
    CHECK(result_of(bytes + std::string(70000, '\xFF')) == result_of(bytes));
  }
}

TEST_CASE("every kind of image goes through preprocess", "[image]") {
  for (const char* name :
       {"420.jpg", "cmyk.jpg", "grey.jpg", "exif_rotated_thumbnail.jpg", "palette_alpha.png", "rgba_8.png",
        "rgb_16.png", "grey_16.png", "one_pixel.png", "animated.webp", "animated.gif", "orientation_6.tif"}) {
    CAPTURE(name);
    const Image made = preprocess(decode_image(testing::golden_image(name).bytes), {64, Aspect::kPad});
    REQUIRE(made.width == 64);
    REQUIRE(made.height == 64);
  }
}

}  // namespace
}  // namespace convllava::image
