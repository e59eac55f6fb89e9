#include "convllava/data/packed_batch.h"

#include <string>
#include <vector>

#include "convllava/core/error.h"
#include "tests/catch.h"
#include "tests/support/errors.h"

namespace convllava::data {
namespace {

using convllava::testing::Parts;
using convllava::testing::thrown;
using Ids = std::vector<int64_t>;

constexpr const char* kTokensDoNotMatch = "a sample's visual tokens do not match its image";

constexpr int64_t kImage = text::kImageToken;
constexpr int64_t kNone = text::kIgnoreLabel;

Sample sample_of(Ids ids, Ids labels) {
  Sample sample;
  sample.prompt.input_ids = std::move(ids);
  sample.prompt.labels = std::move(labels);
  return sample;
}

/// One token, the image, two tokens of which the last is learned; every byte of the image is `value`.
Sample image_sample(int64_t height, int64_t width, int64_t visual_tokens, uint8_t value) {
  Sample sample = sample_of({1, kImage, 8, 9}, {kNone, kNone, kNone, 9});
  sample.image = image::Image{width, height, std::vector<uint8_t>(height * width * 3, value)};
  sample.visual_tokens = visual_tokens;
  return sample;
}

}  // namespace

TEST_CASE("sequences lie end to end, each with its own positions and targets", "[data]") {
  const PackedBatch batch =
      pack({sample_of({1, 5, 6, 7}, {kNone, kNone, 6, 7}), sample_of({1, 8, 9}, {1, kNone, 9})}, 10);
  CHECK(batch.input_ids == Ids{1, 5, 6, 7, 1, 8, 9});
  CHECK(batch.position_ids == Ids{0, 1, 2, 3, 0, 1, 2});
  CHECK(batch.cu_seqlens == Ids{0, 4, 7});
  // The label on the first token of a sequence has nothing before it to predict it.
  CHECK(batch.target_rows == Ids{1, 2, 5});
  CHECK(batch.targets == Ids{6, 7, 9});
  CHECK(batch.images.empty());
  CHECK(batch.visual_rows.empty());
  CHECK(batch.tokens() == 7);
  CHECK(batch.supervised_tokens() == 3);
}

TEST_CASE("a placeholder becomes as many rows as its image has visual tokens", "[data]") {
  const PackedBatch batch = pack({image_sample(2, 3, 4, 7)}, 10);
  CHECK(batch.input_ids == Ids{1, kImage, kImage, kImage, kImage, 8, 9});
  CHECK(batch.position_ids == Ids{0, 1, 2, 3, 4, 5, 6});
  CHECK(batch.visual_rows == Ids{1, 2, 3, 4});
  CHECK(batch.target_rows == Ids{5});
  CHECK(batch.targets == Ids{9});
  REQUIRE(batch.images.size() == 1);
  CHECK(batch.images[0].height == 2);
  CHECK(batch.images[0].width == 3);
  CHECK(batch.images[0].count == 1);
  CHECK(batch.images[0].pixels == std::vector<uint8_t>(18, 7));
}

TEST_CASE("the answer right behind an image is predicted by the last visual token", "[data]") {
  Sample sample = image_sample(2, 2, 3, 0);
  sample.prompt.labels[2] = 8;
  CHECK(pack({sample}, 10).target_rows == Ids{3, 4});
}

TEST_CASE("images are grouped by shape in order of appearance, rows along with them", "[data]") {
  const PackedBatch batch = pack(
      {image_sample(2, 3, 2, 10), image_sample(3, 2, 1, 20), sample_of({1, 4}, {kNone, 4}), image_sample(2, 3, 2, 30)},
      10);
  CHECK(batch.cu_seqlens == Ids{0, 5, 9, 11, 16});
  REQUIRE(batch.images.size() == 2);
  CHECK(batch.images[0].count == 2);
  CHECK(batch.images[0].height == 2);
  CHECK(batch.images[1].count == 1);
  CHECK(batch.images[1].height == 3);
  std::vector<uint8_t> both(18, 10);
  both.insert(both.end(), 18, 30);
  CHECK(batch.images[0].pixels == both);
  CHECK(batch.images[1].pixels == std::vector<uint8_t>(18, 20));
  CHECK(batch.visual_rows == Ids{1, 2, 12, 13, 6});
}

TEST_CASE("a sequence is cut at max_length after expansion", "[data]") {
  const PackedBatch batch =
      pack({image_sample(2, 2, 4, 0), sample_of({1, 2, 3, 4, 5, 6, 7}, {kNone, 2, 3, 4, 5, 6, 7})}, 6);
  CHECK(batch.cu_seqlens == Ids{0, 6, 12});
  CHECK(batch.input_ids == Ids{1, kImage, kImage, kImage, kImage, 8, 1, 2, 3, 4, 5, 6});
  CHECK(batch.targets == Ids{2, 3, 4, 5, 6});
  CHECK(batch.target_rows == Ids{6, 7, 8, 9, 10});
}

TEST_CASE("a batch without samples is empty", "[data]") {
  const PackedBatch batch = pack({}, 6);
  CHECK(batch.cu_seqlens == Ids{0});
  CHECK(batch.tokens() == 0);
  CHECK(batch.supervised_tokens() == 0);
  CHECK(batch.images.empty());
}

TEST_CASE("an image that does not match its rows is rejected", "[data]") {
  const auto error = [](const Sample& sample) { return thrown<DataError>([&] { pack({sample}, 5); }); };
  CHECK(error(image_sample(2, 2, 5, 0)) ==
        Parts{.where = "pack", .kind = kTokensDoNotMatch, .got = "4 within max_length 5", .expected = "5"});
  Sample without_placeholder = sample_of({1, 2}, {kNone, 2});
  without_placeholder.image = image::Image{1, 1, {0, 0, 0}};
  without_placeholder.visual_tokens = 1;
  CHECK(error(without_placeholder) ==
        Parts{.where = "pack", .kind = kTokensDoNotMatch, .got = "0 within max_length 5", .expected = "1"});
}

}  // namespace convllava::data
