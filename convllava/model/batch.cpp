#include "convllava/model/batch.h"

#include "convllava/data/packed_batch.h"
#include "convllava/nn/libtorch.h"

namespace convllava::model {
namespace {

torch::Tensor copy_of(const std::vector<int64_t>& values, const torch::Device& device) {
  return torch::tensor(values, torch::kLong).to(device);
}

}  // namespace

Batch to_tensors(const data::PackedBatch& packed, const torch::Device& device) {
  Batch batch;
  batch.input_ids = copy_of(packed.input_ids, device);
  batch.position_ids = copy_of(packed.position_ids, device);
  batch.cu_seqlens = packed.cu_seqlens;
  for (const auto& group : packed.images) {
    auto* bytes = const_cast<uint8_t*>(group.pixels.data());
    const auto view = torch::from_blob(bytes, {group.count, group.height, group.width, 3}, torch::kByte);
    batch.pixels.push_back(view.to(device, torch::kByte, /*non_blocking=*/false, /*copy=*/true));
  }
  batch.visual_rows = copy_of(packed.visual_rows, device);
  batch.target_rows = copy_of(packed.target_rows, device);
  batch.targets = copy_of(packed.targets, device);
  return batch;
}

}  // namespace convllava::model
