#include "convllava/image/encode.h"

#include <cmath>

#include "convllava/core/error.h"
#include "tests/catch.h"
#include "tests/support/errors.h"
#include "tests/support/test_image.h"
#include "tests/unit/image/golden.h"

namespace convllava::image {
namespace {

using testing::test_image;

/// In decibels. 32 is hard to see; a decoder that mixes up channels or rows is below 20.
double psnr(const Image& a, const Image& b) {
  double sum = 0;
  for (size_t i = 0; i < a.pixels.size(); ++i) sum += std::pow(a.pixels[i] - b.pixels[i], 2);
  return 10 * std::log10(255.0 * 255.0 * static_cast<double>(a.pixels.size()) / sum);
}

}  // namespace

TEST_CASE("an encoded image decodes to its size and colours", "[image]") {
  for (const auto& [width, height] : {std::pair{64, 64}, {1, 1}, {7, 50}, {333, 201}}) {
    INFO(width << "x" << height);
    const auto image = test_image(width, height);
    const auto bytes = encode_jpeg(image);
    CHECK(identify(bytes) == "JPEG");
    const auto decoded = decode_image(bytes);
    REQUIRE(decoded.width == width);
    REQUIRE(decoded.height == height);
    CHECK(psnr(image, decoded) > 32);
  }
}

TEST_CASE("an encoded image is a tenth of its pixels", "[image]") {
  CHECK(encode_jpeg(test_image(333, 201)).size() < 333 * 201 * 3 / 10);
}

TEST_CASE("an encoded image keeps black and white exactly, and noise within 24 dB", "[image]") {
  for (const int value : {0, 255}) {
    const Image flat{40, 24, std::vector<uint8_t>(40 * 24 * 3, static_cast<uint8_t>(value))};
    CHECK(decode_image(encode_jpeg(flat)).pixels == flat.pixels);
  }
  const Image noise = convllava::testing::draw("noise", 1, 64, 64);
  CHECK(psnr(noise, decode_image(encode_jpeg(noise))) > 24);
}

TEST_CASE("a size that JPEG does not allow is an error", "[image]") {
  for (const auto& [width, height] : {std::pair{0, 0}, {0, 5}, {65501, 1}}) {
    const Image image{width, height, std::vector<uint8_t>(int64_t{width} * height * 3)};
    CHECK(convllava::testing::thrown<DataError>([&] { encode_jpeg(image); }) ==
          convllava::testing::Parts{.kind = "the image's size is invalid for JPEG",
                                    .got = std::to_string(width) + "x" + std::to_string(height) + " pixels",
                                    .expected = "sides of 1 to 65500 pixels"});
  }
  CHECK_NOTHROW(encode_jpeg(test_image(65500, 1)));
}

}  // namespace convllava::image
