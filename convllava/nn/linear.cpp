#include "convllava/nn/linear.h"

#include "convllava/nn/libtorch.h"

namespace convllava::nn {

LinearImpl::LinearImpl(int64_t in_features, int64_t out_features, bool with_bias, const torch::TensorOptions& options) {
  weight = register_parameter("weight", torch::empty({out_features, in_features}, options));
  if (with_bias) bias = register_parameter("bias", torch::empty({out_features}, options));
}

torch::Tensor LinearImpl::forward(const torch::Tensor& x) { return at::linear(x, weight, bias); }

ConvImpl::ConvImpl(const ConvShape& shape, const torch::TensorOptions& options) : shape_(shape) {
  const auto empty = torch::empty({shape.out_channels, shape.in_channels / shape.groups, shape.kernel, shape.kernel},
                                  options.memory_format(torch::MemoryFormat::ChannelsLast));
  weight = register_parameter("weight", empty);
  if (shape.with_bias) bias = register_parameter("bias", torch::empty({shape.out_channels}, options));
}

torch::Tensor ConvImpl::forward(const torch::Tensor& x) {
  return at::conv2d(x, weight, bias, shape_.stride, shape_.padding, 1, shape_.groups);
}

EmbeddingImpl::EmbeddingImpl(int64_t count, int64_t dim, const torch::TensorOptions& options) {
  weight = register_parameter("weight", torch::empty({count, dim}, options));
}

torch::Tensor EmbeddingImpl::forward(const torch::Tensor& ids) { return at::embedding(weight, ids); }

}  // namespace convllava::nn
