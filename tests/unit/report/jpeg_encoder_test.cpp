#include "convllava/report/jpeg_encoder.h"

#include <cmath>

#include "convllava/image/image.h"
#include "tests/catch.h"
#include "tests/unit/report/fixtures.h"

namespace convllava::report {
namespace {

using testing::test_image;

double psnr(const image::Image& a, const image::Image& b) {
  double sum = 0;
  for (size_t i = 0; i < a.pixels.size(); ++i) sum += std::pow(a.pixels[i] - b.pixels[i], 2);
  return 10 * std::log10(255.0 * 255.0 * static_cast<double>(a.pixels.size()) / sum);
}

}  // namespace

TEST_CASE("a JPEG file has the structure of one", "[report]") {
  const std::string bytes = encode_jpeg(test_image(33, 9));
  CHECK(image::identify(bytes) == "JPEG");
  CHECK(bytes.ends_with("\xFF\xD9"));
}

TEST_CASE("a JPEG file shows the image, whatever its size", "[report]") {
  for (const auto& [width, height] : {std::pair{64, 64}, {1, 1}, {7, 50}, {333, 201}}) {
    INFO(width << "x" << height);
    const auto image = test_image(width, height);
    const auto bytes = encode_jpeg(image);
    const auto decoded = image::decode_image(bytes);
    REQUIRE(decoded.width == width);
    REQUIRE(decoded.height == height);
    CHECK(psnr(image, decoded) > 32);
  }
  CHECK(encode_jpeg(test_image(333, 201)).size() < 333 * 201 * 3 / 10);
}

TEST_CASE("a JPEG file keeps black, white and noise within its precision", "[report]") {
  for (const int value : {0, 255}) {
    const image::Image flat{40, 24, std::vector<uint8_t>(40 * 24 * 3, static_cast<uint8_t>(value))};
    CHECK(image::decode_image(encode_jpeg(flat)).pixels == flat.pixels);
  }
  image::Image noise{64, 64, {}};
  uint32_t state = 1;
  for (int i = 0; i < 64 * 64 * 3; ++i)
    noise.pixels.push_back(static_cast<uint8_t>((state = state * 1664525 + 1013904223) >> 24));
  CHECK(psnr(noise, image::decode_image(encode_jpeg(noise))) > 24);
}

}  // namespace convllava::report
