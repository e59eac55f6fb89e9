#pragma once

#include <torch/types.h>

#include "convllava/data/packed_batch.h"
#include "convllava/image/preprocess.h"
#include "convllava/model/convllava.h"
#include "convllava/nn/block.h"

// Images and packed samples -> tensors on the model's device.

namespace convllava::infer {

model::Batch to_tensors(const data::PackedBatch& packed, const torch::Device& device);

/// An image as the tower takes it, resized and normalised: [1, 3, H, W] on `device`. Throws DataError for an image
/// that `image::preprocess` refuses.
torch::Tensor to_pixels(const image::Image& image, const image::PreprocessOptions& options,
                        const torch::Device& device = torch::kCPU, torch::ScalarType dtype = torch::kFloat);

/// What decides the cost of a batch.
nn::BatchShape shape_of(const data::PackedBatch& packed);

}  // namespace convllava::infer
