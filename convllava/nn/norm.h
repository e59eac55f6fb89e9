#pragma once

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

// Normalisations of LLaMA and ConvNeXt. Weights start uninitialised, as in linear.h.

namespace convllava::nn {

/// y = weight * cast(x / sqrt(mean(x^2) + eps)), statistics in fp32 whatever the type of x (LLaMA; transformers
/// `LlamaRMSNorm`). On a GPU the product with the weight is taken in fp32 as well, and y is rounded once.
/// x: [..., hidden_size].
class RmsNormImpl : public torch::nn::Module {
 public:
  RmsNormImpl(int64_t hidden_size, double eps, const torch::TensorOptions& options);
  torch::Tensor forward(const torch::Tensor& x);

  torch::Tensor weight;  ///< [hidden_size]

 private:
  double eps_;
};
TORCH_MODULE(RmsNorm);

/// LayerNorm over the channels of a channels-last image (transformers `ConvNextLayerNorm` in both of its layouts).
/// x: [B, H, W, C].
class ChannelLayerNormImpl : public torch::nn::Module {
 public:
  ChannelLayerNormImpl(int64_t channels, double eps, const torch::TensorOptions& options);
  torch::Tensor forward(const torch::Tensor& x);

  torch::Tensor weight;  ///< [C]
  torch::Tensor bias;    ///< [C]

 private:
  double eps_;
};
TORCH_MODULE(ChannelLayerNorm);

}  // namespace convllava::nn
