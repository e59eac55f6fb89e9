#include "convllava/model/batch.h"

#include "convllava/data/packed_batch.h"
#include "convllava/nn/libtorch.h"
#include "convllava/nn/upload.h"

namespace convllava::model {

Batch to_tensors(const data::PackedBatch& packed, const torch::Device& device) {
  Batch batch;
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

}  // namespace convllava::model
