#include "convllava/infer/tensors.h"

#include "convllava/data/packed_batch.h"
#include "convllava/nn/libtorch.h"
#include "convllava/nn/upload.h"

namespace convllava::infer {

model::Batch to_tensors(const data::PackedBatch& packed, const torch::Device& device) {
  model::Batch batch;
  batch.input_ids = nn::upload<int64_t>(packed.input_ids, device);
  batch.position_ids = nn::upload<int64_t>(packed.position_ids, device);
  batch.cu_seqlens = packed.cu_seqlens;
  for (const auto& group : packed.images) {
    batch.pixels.push_back(
        nn::upload(group.pixels.data(), {group.count, group.height, group.width, 3}, torch::kByte, device));
  }
  batch.visual_rows = nn::upload<int64_t>(packed.visual_rows, device);
  batch.target_rows = nn::upload<int64_t>(packed.target_rows, device);
  batch.targets = nn::upload<int64_t>(packed.targets, device);
  return batch;
}

torch::Tensor to_pixels(const image::Image& image, const image::PreprocessOptions& options, const torch::Device& device,
                        torch::ScalarType dtype) {
  const auto resized = image::preprocess(image, options);
  return model::normalize_pixels(
      nn::upload(resized.pixels.data(), {1, resized.height, resized.width, 3}, torch::kByte, device), options.stats,
      dtype);
}

nn::BatchShape shape_of(const data::PackedBatch& packed) {
  nn::BatchShape shape;
  shape.tokens = packed.tokens();
  shape.visual_tokens = static_cast<int64_t>(packed.visual_rows.size());
  shape.supervised_tokens = packed.supervised_tokens();
  for (size_t i = 0; i + 1 < packed.cu_seqlens.size(); ++i) {
    shape.sequences.push_back(packed.cu_seqlens[i + 1] - packed.cu_seqlens[i]);
  }
  for (const auto& group : packed.images) shape.images.push_back({group.height, group.width, group.count});
  return shape;
}

}  // namespace convllava::infer
