#include "convllava/image/preprocess.h"

#include <map>

#include "convllava/core/error.h"
#include "tests/catch.h"
#include "tests/support/errors.h"
#include "tests/unit/image/golden.h"

namespace convllava::image {
namespace {

using testing::draw;
using testing::fnv1a;

const std::map<std::string, Aspect> kAspects = {
    {"pad", Aspect::kPad}, {"native", Aspect::kNative}, {"crop", Aspect::kCrop}};

/// The middle size x size of an image that is no smaller.
Image middle(const Image& source, int64_t size) {
  const int64_t left = (source.width - size) / 2;
  const int64_t top = (source.height - size) / 2;
  Image result{size, size, {}};
  for (int64_t y = top; y < top + size; ++y) {
    const auto row = source.pixels.begin() + (y * source.width + left) * 3;
    result.pixels.insert(result.pixels.end(), row, row + size * 3);
  }
  return result;
}

TEST_CASE("preprocess equals CLIPImageProcessor to the byte", "[image]") {
  auto lines = testing::golden_lines("preprocess.txt");
  REQUIRE(lines.size() >= 40);
  for (auto& line : lines) {
    std::string aspect;
    PreprocessOptions options;
    uint64_t seed = 0, hash = 0;
    int64_t width = 0, height = 0, new_width = 0, new_height = 0;
    line >> aspect >> options.size >> seed >> width >> height >> new_width >> new_height >> std::hex >> hash;
    options.aspect = kAspects.at(aspect);
    CAPTURE(aspect, options.size, width, height);
    REQUIRE(output_size(options, height, width) == std::pair{new_height, new_width});
    const Image made = preprocess(draw("noise", seed, width, height), options);
    REQUIRE(made.width == new_width);
    REQUIRE(made.height == new_height);
    REQUIRE(fnv1a(made) == hash);
  }
}

TEST_CASE("output_size says what preprocess makes", "[image]") {
  core::Random random(5);
  for (int i = 0; i < 60; ++i) {
    const int64_t width = random.between(1, 90);
    const int64_t height = random.between((width + 63) / 64, 90);
    for (const auto& [name, aspect] : kAspects) {
      const PreprocessOptions options{.size = random.between(64, 100), .aspect = aspect};
      CAPTURE(name, options.size, width, height);
      const Image made = preprocess(draw("noise", i, width, height), options);
      REQUIRE(output_size(options, height, width) == std::pair{made.height, made.width});
    }
  }
}

TEST_CASE("crop equals resizing the short side and then cropping", "[image]") {
  core::Random random(6);
  for (int i = 0; i < 40; ++i) {
    const Image source = draw("noise", i, random.between(2, 120), random.between(2, 120));
    const int64_t size = random.between(64, 80);
    const auto [height, width] = output_size({size, Aspect::kNative}, source.height, source.width);
    CAPTURE(source.width, source.height, size);
    REQUIRE(preprocess(source, {size, Aspect::kCrop}).pixels ==
            middle(resize_bicubic(source, width, height), size).pixels);
  }
}

TEST_CASE("extreme shapes are preprocessed", "[image]") {
  for (const auto& [width, height] : {std::pair{1, 1}, std::pair{30000, 10}, std::pair{10, 30000}}) {
    const Image source = draw("noise", 1, width, height);
    REQUIRE(preprocess(source, {768, Aspect::kPad}).pixels.size() == 768 * 768 * 3);
    REQUIRE(preprocess(source, {768, Aspect::kCrop}).pixels.size() == 768 * 768 * 3);
  }
  REQUIRE(output_size({768, Aspect::kNative}, 10, 640) == std::pair<int64_t, int64_t>{768, 49152});
  REQUIRE(testing::thrown<DataError>([] {
            output_size({768, Aspect::kNative}, 10, 30000);
          }) == testing::Parts{.kind = "the image is too elongated for its native aspect ratio",
                               .got = "30000x10 pixels",
                               .expected = "at most 64:1, or another aspect option"});
}

TEST_CASE("preprocess refuses a size without pixels and an image without pixels", "[image]") {
  const Image dot{1, 1, {9, 9, 9}};
  REQUIRE(testing::thrown<ConfigError>([&] {
            preprocess(dot, {0, Aspect::kPad});
          }) ==
          testing::Parts{.where = "image size", .kind = "no pixels asked for", .got = "0", .expected = "at least 1"});
  REQUIRE(testing::thrown<DataError>([] { preprocess(Image{}, {}); }) == testing::Parts{.kind = "not an image"});
  REQUIRE(testing::thrown<DataError>([] {
            preprocess(Image{2, 2, {1}}, {64, Aspect::kCrop});
          }) == testing::Parts{.got = "2x2 with 1 bytes"});
}

}  // namespace
}  // namespace convllava::image
