#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "convllava/core/error.h"
#include "convllava/core/files.h"
#include "convllava/image/image.h"
#include "convllava/image/preprocess.h"
#include "tests/catch.h"
#include "tests/unit/image/golden.h"

namespace convllava::image {
namespace {

using testing::contains;

const std::filesystem::path kFolder = testing::golden_folder() / "decode";

int largest_difference(const Image& a, const Image& b) {
  int largest = 0;
  for (size_t i = 0; i < a.pixels.size(); ++i) largest = std::max(largest, std::abs(a.pixels[i] - b.pixels[i]));
  return largest;
}

std::string message(std::string_view bytes) {
  return testing::message_of<DataError>([&] { decode_image(bytes); });
}

TEST_CASE("JPEG, PNG, WebP and BMP pictures equal Pillow's", "[image]") {
  int compared = 0;
  for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
    const std::string name = entry.path().filename();
    if (name.ends_with(".expected.ppm") || name == "VERSIONS") continue;
    CAPTURE(name);
    const Image found = load_image(entry.path());
    const Image expected = load_image(kFolder / (name + ".expected.ppm"));
    REQUIRE(found.width == expected.width);
    REQUIRE(found.height == expected.height);
    // OpenCV cuts (255 - c) * k / 255 off where Pillow rounds it; one level in a colour space that was never RGB.
    REQUIRE(largest_difference(found, expected) <= (name == "cmyk.jpg" ? 1 : 0));
    ++compared;
  }
  REQUIRE(compared >= 30);
}

TEST_CASE("every kind of picture goes through preprocess", "[image]") {
  for (const std::string name : {"420.jpg", "cmyk.jpg", "grey.jpg", "exif_rotated_thumbnail.jpg",
                                 "palette_transparent.png", "rgba.png", "rgb16.png", "grey16.png", "one_pixel.png"}) {
    CAPTURE(name);
    const Image made = preprocess(load_image(kFolder / name), {64, Aspect::kPad});
    REQUIRE(made.width == 64);
    REQUIRE(made.height == 64);
  }
}

TEST_CASE("a truncated picture is an error, not a picture with a grey end", "[image]") {
  for (const std::string name : {"420.jpg", "progressive.jpg", "rgb.png", "rgb.bmp", "lossy.webp"}) {
    CAPTURE(name);
    const std::string bytes = core::read_file(kFolder / name);
    REQUIRE_THAT(message(std::string_view(bytes).substr(0, bytes.size() * 3 / 4)),
                 contains("picture is truncated; got"));
  }
}

TEST_CASE("bytes behind the end of a picture do not matter", "[image]") {
  for (const std::string name : {"420.jpg", "rgb.png", "rgb.bmp", "lossy.webp"}) {
    CAPTURE(name);
    const std::string bytes = core::read_file(kFolder / name);
    REQUIRE(decode_image(bytes + "garbage").pixels == decode_image(bytes).pixels);
  }
}

TEST_CASE("damaged pixels are an error that names the kind", "[image]") {
  std::string png = core::read_file(kFolder / "rgb.png");
  std::fill(png.begin() + 60, png.begin() + 80, '\0');
  REQUIRE_THAT(message(png), contains("the PNG picture cannot be decoded; got damaged data; expected undamaged data"));
  std::string webp = core::read_file(kFolder / "lossless.webp");
  std::fill(webp.begin() + 20, webp.begin() + 60, '\xFF');
  REQUIRE_THAT(message(webp), contains("the WebP picture cannot be decoded"));
  REQUIRE_THAT(message("\xFF\xD8\xFF\xD9"), contains("the JPEG picture cannot be decoded"));
}

TEST_CASE("a picture beyond OpenCV's limits is an error", "[image]") {
  std::string bmp = core::read_file(kFolder / "run_length.bmp");
  bmp[20] = 0x20;  // 2 million pixels wide
  REQUIRE_THAT(message(bmp), contains("the BMP picture cannot be decoded") && contains("at most 2^20 pixels a side"));
}

}  // namespace
}  // namespace convllava::image
