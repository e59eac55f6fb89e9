#include "convllava/infer/tensors.h"

#include "convllava/nn/libtorch.h"
#include "tests/catch.h"

using namespace convllava;

TEST_CASE("an image becomes pixels of the size and type that are asked for", "[infer]") {
  image::Image image{90, 30, std::vector<uint8_t>(90 * 30 * 3)};
  for (size_t i = 0; i < image.pixels.size(); ++i) image.pixels[i] = static_cast<uint8_t>(i % 251);
  const auto padded = infer::to_pixels(image, {64, image::Aspect::kPad});
  CHECK(padded.sizes() == std::vector<int64_t>{1, 3, 64, 64});
  // The padding above the image has CLIP's mean colour, cut to whole levels: (122/255 - mean) / deviation.
  CHECK(padded[0][0][0][0].item<float>() == Approx((122 / 255.0 - 0.48145466) / 0.26862954).epsilon(1e-4));
  const auto native = infer::to_pixels(image, {64, image::Aspect::kNative}, torch::kCPU, torch::kBFloat16);
  CHECK(native.sizes() == std::vector<int64_t>{1, 3, 64, 192});
  CHECK(native.scalar_type() == torch::kBFloat16);
}

TEST_CASE("the shape of a batch is that of its samples", "[infer]") {
  data::PackedBatch packed;
  packed.input_ids.resize(9);
  packed.cu_seqlens = {0, 6, 9};
  packed.visual_rows.resize(4);
  packed.targets.resize(2);
  packed.images.push_back({128, 64, 3, {}});
  const auto shape = infer::shape_of(packed);
  CHECK(shape.tokens == 9);
  CHECK(shape.visual_tokens == 4);
  CHECK(shape.supervised_tokens == 2);
  CHECK(shape.sequences == std::vector<int64_t>{6, 3});
  REQUIRE(shape.images.size() == 1);
  CHECK(shape.images[0].height == 128);
  CHECK(shape.images[0].width == 64);
  CHECK(shape.images[0].count == 3);
}
