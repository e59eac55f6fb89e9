#pragma once

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

// Layers whose weights start uninitialised and on the device and in the type of `options`: a 7B model is
// loaded, or only counted on the meta device, without first being filled with random numbers in fp32. Fresh weights:
// nn/init.h.

namespace convllava::nn {

/// y = x W^T + b. x: [..., in] -> [..., out].
class LinearImpl : public torch::nn::Module {
 public:
  LinearImpl(int64_t in_features, int64_t out_features, bool with_bias, const torch::TensorOptions& options);
  torch::Tensor forward(const torch::Tensor& x);

  torch::Tensor weight;  ///< [out, in]
  torch::Tensor bias;    ///< [out]; undefined without bias
};
TORCH_MODULE(Linear);

struct ConvShape {
  int64_t in_channels = 0;
  int64_t out_channels = 0;
  int64_t kernel = 1;
  int64_t stride = 1;
  int64_t padding = 0;
  int64_t groups = 1;
  bool with_bias = true;
};

/// 2-d convolution; weights lie channels-last. x: [B, C_in, H, W] -> [B, C_out, H', W'].
class ConvImpl : public torch::nn::Module {
 public:
  ConvImpl(const ConvShape& shape, const torch::TensorOptions& options);
  torch::Tensor forward(const torch::Tensor& x);

  torch::Tensor weight;  ///< [C_out, C_in / groups, kernel, kernel]
  torch::Tensor bias;    ///< [C_out]; undefined without bias

 private:
  ConvShape shape_;
};
TORCH_MODULE(Conv);

/// Rows of a table. ids: [T] int64 -> [T, dim].
class EmbeddingImpl : public torch::nn::Module {
 public:
  EmbeddingImpl(int64_t count, int64_t dim, const torch::TensorOptions& options);
  torch::Tensor forward(const torch::Tensor& ids);

  torch::Tensor weight;  ///< [count, dim]
};
TORCH_MODULE(Embedding);

}  // namespace convllava::nn
