#pragma once

#include <torch/types.h>

#include "convllava/data/packed_batch.h"
#include "convllava/image/preprocess.h"
#include "convllava/model/convllava.h"
#include "convllava/model/training_flops.h"

// Pictures and packed samples -> tensors on the model's device.

namespace convllava::infer {

model::Batch to_tensors(const data::PackedBatch& packed, const torch::Device& device);

/// A picture as the tower takes it, resized and normalised: [1, 3, H, W] on `device`. Throws DataError for a picture
/// that `image::preprocess` refuses.
torch::Tensor to_pixels(const image::Image& picture, const image::PreprocessOptions& options,
                        const torch::Device& device = torch::kCPU, torch::ScalarType dtype = torch::kFloat);

/// What decides the cost of a batch.
model::BatchShape shape_of(const data::PackedBatch& packed);

}  // namespace convllava::infer
