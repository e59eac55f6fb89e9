#include <algorithm>
#include <cstdio>

#include "convllava/core/error.h"
#include "convllava/image/image.h"
#include "convllava/image/weighted_sum.h"
#include "tests/catch.h"
#include "tests/support/errors.h"
#include "tests/unit/image/golden.h"

namespace convllava::image {
namespace {

using testing::draw;
using testing::fnv1a;

std::string hexadecimal(const Image& image) {
  std::string text;
  char digits[3];
  for (const uint8_t byte : image.pixels) {
    std::snprintf(digits, sizeof(digits), "%02x", byte);
    text += digits;
  }
  return text;
}

bool same(const Image& a, const Image& b) { return a.width == b.width && a.height == b.height && a.pixels == b.pixels; }

TEST_CASE("resize_bicubic equals Pillow to the bit", "[image]") {
  auto lines = testing::golden_lines("resize.txt");
  REQUIRE(lines.size() >= 60);
  for (auto& line : lines) {
    std::string pattern, pixels;
    uint64_t seed = 0, hash = 0;
    int64_t width = 0, height = 0, new_width = 0, new_height = 0;
    line >> pattern >> seed >> width >> height >> new_width >> new_height >> std::hex >> hash >> pixels;
    CAPTURE(pattern, width, height, new_width, new_height);
    const Image resized = resize_bicubic(draw(pattern, seed, width, height), new_width, new_height);
    REQUIRE(resized.width == new_width);
    REQUIRE(resized.height == new_height);
    if (pixels != "-") REQUIRE(hexadecimal(resized) == pixels);
    REQUIRE(fnv1a(resized) == hash);
  }
}

TEST_CASE("every kernel that this processor can run gives the same bytes", "[image]") {
  core::Random random(1);
  constexpr int64_t kBytes = 5 * kSumBlock;
  for (const int64_t taps : {1, 2, 7, 40}) {
    std::vector<std::vector<uint8_t>> rows(taps, std::vector<uint8_t>(kBytes));
    std::vector<const uint8_t*> cells;
    for (auto& row : rows) {
      for (auto& byte : row) byte = static_cast<uint8_t>(random.next());
      cells.push_back(row.data());
    }
    // Weights of both signs whose sums leave 0..255 on both sides.
    std::vector<int32_t> weights;
    for (int64_t i = 0; i < taps; ++i) {
      weights.push_back(static_cast<int32_t>(random.between(-(1 << kWeightBits), 3 << (kWeightBits - 1)) / taps));
    }
    std::vector<uint8_t> expected(kBytes);
    weighted_sum_portable(cells.data(), weights.data(), taps, kBytes, expected.data());
    for (const WeightedSum weighted_sum : weighted_sums()) {
      std::vector<uint8_t> found(kBytes);
      weighted_sum(cells.data(), weights.data(), taps, kBytes, found.data());
      REQUIRE(found == expected);
    }
  }
}

TEST_CASE("padding and resizing at once equals doing one after the other", "[image]") {
  core::Random random(2);
  for (int i = 0; i < 150; ++i) {
    const int64_t width = random.between(1, i % 5 == 0 ? 3 : 150);
    const int64_t height = random.between(1, i % 7 == 0 ? 3 : 150);
    const int64_t size = i % 11 == 0 ? std::max(width, height) : random.between(1, 200);
    const Color color = {static_cast<uint8_t>(random.next()), static_cast<uint8_t>(random.next()), 255};
    CAPTURE(width, height, size);
    const Image source = draw(i % 2 == 0 ? "noise" : "extreme", i, width, height);
    REQUIRE(
        same(pad_to_square_and_resize(source, color, size), resize_bicubic(pad_to_square(source, color), size, size)));
  }
  for (const auto& [width, height] : {std::pair{2500, 3}, std::pair{3, 2500}, std::pair{2500, 1}, std::pair{1, 2500}}) {
    const Image source = draw("noise", width, width, height);
    REQUIRE(same(pad_to_square_and_resize(source, kClipPixels.pad_color(), 64),
                 resize_bicubic(pad_to_square(source, kClipPixels.pad_color()), 64, 64)));
  }
}

TEST_CASE("an image of 30000x10 is padded and resized without a square of 30000x30000", "[image]") {
  for (const bool wide : {true, false}) {
    const Image source = wide ? draw("noise", 3, 30000, 10) : draw("noise", 3, 10, 30000);
    const Image resized = pad_to_square_and_resize(source, kClipPixels.pad_color(), 768);
    const auto pixel = [&](int64_t x, int64_t y) {
      const auto begin = resized.pixels.begin() + (y * 768 + x) * 3;
      return Color{begin[0], begin[1], begin[2]};
    };
    // Ten pixels are a quarter of one: all but the middle four lines is padding.
    for (int64_t i = 0; i < 768; ++i) {
      for (const int64_t line : {0, 100, 381, 386, 767}) {
        REQUIRE((wide ? pixel(i, line) : pixel(line, i)) == kClipPixels.pad_color());
      }
    }
    int64_t changed = 0;
    for (int64_t i = 0; i < 768; ++i) changed += (wide ? pixel(i, 383) : pixel(383, i)) != kClipPixels.pad_color();
    REQUIRE(changed > 384);
  }
}

TEST_CASE("pad_to_square centres; an odd remainder goes to the bottom or right", "[image]") {
  const Color color = {1, 2, 3};
  const Image wide{3, 1, {10, 11, 12, 20, 21, 22, 30, 31, 32}};
  REQUIRE(pad_to_square(wide, color).pixels == std::vector<uint8_t>{1,  2,  3,  1,  2, 3, 1, 2, 3, 10, 11, 12, 20, 21,
                                                                    22, 30, 31, 32, 1, 2, 3, 1, 2, 3,  1,  2,  3});
  const Image tall{1, 2, {10, 11, 12, 20, 21, 22}};
  REQUIRE(pad_to_square(tall, color).pixels == std::vector<uint8_t>{10, 11, 12, 1, 2, 3, 20, 21, 22, 1, 2, 3});
}

TEST_CASE("a size of zero and an image without pixels are rejected", "[image]") {
  const Image dot{1, 1, {9, 9, 9}};
  REQUIRE(testing::thrown<ConfigError>([&] { resize_bicubic(dot, 0, 5); }) ==
          testing::Parts{.where = "resize_bicubic", .got = "0x5", .expected = "at least 1x1"});
  REQUIRE(testing::thrown<ConfigError>([&] { resize_bicubic(dot, 1, -1); }) == testing::Parts{.got = "1x-1"});
  REQUIRE(testing::thrown<DataError>([] { resize_bicubic(Image{}, 5, 5); }) ==
          testing::Parts{.where = "resize_bicubic", .got = "0x0 with 0 bytes"});
  REQUIRE(testing::thrown<DataError>([] {
            pad_to_square_and_resize(Image{2, 2, {1, 2, 3}}, {}, 5);
          }) ==
          testing::Parts{.got = "2x2 with 3 bytes", .expected = "at least 1x1 pixels and width * height * 3 bytes"});
}

}  // namespace
}  // namespace convllava::image
