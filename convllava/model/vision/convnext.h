#pragma once

#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/pimpl.h>

#include "convllava/model/model_config.h"
#include "convllava/nn/block_runner.h"
#include "convllava/nn/linear.h"
#include "convllava/nn/norm.h"

// ConvNeXt (Liu et al., arXiv 2201.03545) with any number of stages; ConvLLaVA's tower has five (paper section 3.3).
// Parameter names are those of transformers' `ConvNextModel`. Activations stay channels-last from stem to output.

namespace convllava::model {

/// x + layer_scale * Linear(GELU(Linear(LayerNorm(dwconv7x7(x))))). x: [B, C, H, W], channels-last memory.
class ConvNextLayerImpl : public torch::nn::Module {
 public:
  ConvNextLayerImpl(int64_t channels, double eps, const torch::TensorOptions& options);
  torch::Tensor forward(const torch::Tensor& x);
  void initialize(double layer_scale);

  nn::Conv dwconv{nullptr};
  nn::ChannelLayerNorm layernorm{nullptr};
  nn::Linear pwconv1{nullptr};
  nn::Linear pwconv2{nullptr};
  torch::Tensor layer_scale_parameter;  ///< [C]
};
TORCH_MODULE(ConvNextLayer);

/// Down-sampling (LayerNorm, 2x2 convolution of stride 2; none in the first stage) and blocks.
class ConvNextStageImpl : public torch::nn::Module {
 public:
  ConvNextStageImpl(int64_t index, const VisionConfig& config, const torch::TensorOptions& options);
  /// [B, C_in, H, W] -> [B, C, floor(H/2), floor(W/2)]; not in the first stage.
  torch::Tensor downsample(const torch::Tensor& x);

  torch::nn::ModuleList downsampling_layer{nullptr};  ///< {ChannelLayerNorm, Conv}; null in the first stage
  torch::nn::ModuleList layers;                       ///< of ConvNextLayer
};
TORCH_MODULE(ConvNextStage);

/// The tower: stem, stages, no final norm, no pooling. Its blocks: vision.stem; of each stage (from 1) a
/// vision.stages.N.downsampling_layer, but not of the first, and vision.stages.N.layers.M (from 0). Fresh weights as
/// the official code makes its fifth stage: PyTorch's default initialisation of convolutions and linear layers,
/// LayerNorm 1 and 0, layer scale as configured.
class ConvNextImpl : public nn::BlockModule {
 public:
  explicit ConvNextImpl(VisionConfig config, const torch::TensorOptions& options = {});

  /// pixels: [B, 3, H, W] normalised, H, W >= total_stride -> visual features [B, N, C], row-major, N = floor(H/s) *
  /// floor(W/s). Autograd records from the first block with a trainable parameter on; what lies before it keeps
  /// nothing.
  torch::Tensor forward(const torch::Tensor& pixels);

  /// As `forward`, before the flattening: [B, C, H/s, W/s].
  torch::Tensor feature_map(const torch::Tensor& pixels);

  const VisionConfig& config() const { return config_; }

  nn::Conv patch_embeddings{nullptr};
  nn::ChannelLayerNorm stem_norm{nullptr};
  torch::nn::ModuleList stages;  ///< of ConvNextStage

 private:
  torch::Tensor stem(const torch::Tensor& pixels);
  void add_stem();
  void add_stage(int64_t index);
  VisionConfig config_;
};
TORCH_MODULE(ConvNext);

}  // namespace convllava::model
