#pragma once

#include <torch/nn/pimpl.h>

#include <memory>
#include <string_view>
#include <vector>

#include "convllava/nn/block_runner.h"
#include "convllava/nn/linear.h"

// From visual features to the embeddings of the language model.

namespace convllava::model {

/// The paths of its blocks begin with "projector".
class Connector : public nn::BlockModule {
 public:
  /// [N, vision channels] -> [N, hidden].
  virtual torch::Tensor forward(const torch::Tensor& features) = 0;
};

/// LLaVA's mlp2x_gelu: Linear, exact GELU, Linear; parameters are named "0" and "2" as in its nn.Sequential.
class MlpProjectorImpl : public Connector {
 public:
  MlpProjectorImpl(int64_t in_features, int64_t out_features, const torch::TensorOptions& options);
  torch::Tensor forward(const torch::Tensor& features) override;

  nn::Linear first{nullptr};
  nn::Linear second{nullptr};
};
TORCH_MODULE(MlpProjector);

/// A kind of connector; a new one is a row of `connectors`.
struct ConnectorKind {
  std::string_view name;  ///< as LLaVA's `mm_projector_type`
  std::shared_ptr<Connector> (*make)(int64_t in_features, int64_t out_features, const torch::TensorOptions& options);
};
const std::vector<ConnectorKind>& connectors();

/// With uninitialised weights. Throws ConfigError for an unknown name.
std::shared_ptr<Connector> make_connector(std::string_view name, int64_t in_features, int64_t out_features,
                                          const torch::TensorOptions& options);

}  // namespace convllava::model
