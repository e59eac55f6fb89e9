#include "convllava/model/connector.h"

#include "convllava/nn/libtorch.h"

namespace convllava::model {

ProjectorImpl::ProjectorImpl(int64_t in_features, int64_t out_features, const torch::TensorOptions& options) {
  first = register_module("0", nn::Linear(in_features, out_features, /*with_bias=*/true, options));
  second = register_module("2", nn::Linear(out_features, out_features, /*with_bias=*/true, options));
}

torch::Tensor ProjectorImpl::forward(const torch::Tensor& x) { return second(at::gelu(first(x))); }

}  // namespace convllava::model
