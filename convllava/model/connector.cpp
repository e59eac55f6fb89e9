#include "convllava/model/connector.h"

#include "convllava/model/table.h"
#include "convllava/nn/init.h"
#include "convllava/nn/libtorch.h"

namespace convllava::model {

MlpProjectorImpl::MlpProjectorImpl(int64_t in_features, int64_t out_features, const torch::TensorOptions& options) {
  first = register_module("0", nn::Linear(in_features, out_features, /*with_bias=*/true, options));
  second = register_module("2", nn::Linear(out_features, out_features, /*with_bias=*/true, options));
  auto block = nn::make_block("", "projector", *this);
  block.initialize = [this] {
    nn::fill_default(first->weight, first->bias);
    nn::fill_default(second->weight, second->bias);
  };
  block.cost = [in_features, out_features](const nn::BatchShape& batch, int64_t bytes) {
    const int64_t weights = (in_features + out_features) * out_features;
    return nn::BlockCost{.multiply_adds = static_cast<double>(batch.visual_tokens) * static_cast<double>(weights),
                         .kept = batch.visual_tokens * (in_features + 2 * out_features) * bytes};
  };
  runner.add(std::move(block));
}

torch::Tensor MlpProjectorImpl::forward(const torch::Tensor& features) {
  return runner.run(0, features, [this](const torch::Tensor& x) { return second(at::gelu(first(x))); });
}

const std::vector<ConnectorKind>& connectors() {
  static const std::vector<ConnectorKind> kinds = {
      {"mlp2x_gelu", [](int64_t in, int64_t out, const torch::TensorOptions& options) -> std::shared_ptr<Connector> {
         return MlpProjector(in, out, options).ptr();
       }}};
  return kinds;
}

std::shared_ptr<Connector> make_connector(std::string_view name, int64_t in_features, int64_t out_features,
                                          const torch::TensorOptions& options) {
  return row_named(connectors(), name, "mm_projector_type").make(in_features, out_features, options);
}

}  // namespace convllava::model
