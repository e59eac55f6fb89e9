#pragma once

#include <torch/nn/pimpl.h>

#include "convllava/nn/block_runner.h"
#include "convllava/nn/linear.h"

// From visual features to the embeddings of the language model.

namespace convllava::model {

/// LLaVA's mlp2x_gelu: Linear, exact GELU, Linear; parameters are named "0" and "2" as in its nn.Sequential.
/// x: [N, vision channels] -> [N, hidden].
class ProjectorImpl : public nn::BlockModule {
 public:
  ProjectorImpl(int64_t in_features, int64_t out_features, const torch::TensorOptions& options);
  torch::Tensor forward(const torch::Tensor& x);

  nn::Linear first{nullptr};
  nn::Linear second{nullptr};
};
TORCH_MODULE(Projector);

}  // namespace convllava::model
