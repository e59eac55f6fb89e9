#pragma once

#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/pimpl.h>

#include "convllava/model/vision/tower.h"
#include "convllava/nn/linear.h"
#include "convllava/nn/norm.h"

// ConvNeXt (Liu et al., arXiv 2201.03545) with any number of stages; ConvLLaVA's tower has five (paper section 3.3).
// Parameter names are those of transformers' `ConvNextModel`. Activations stay channels-last from stem to output.

namespace convllava::model {

/// The paper's "ConvNeXt with a fifth stage" has five stages; any number is possible. Fields of Hugging Face's
/// ConvNextConfig.
struct ConvNextConfig final : VisionConfig {
  /// Beyond this the strides of the stages multiply to more than any image has pixels.
  static constexpr int64_t kMostStages = 12;

  std::vector<int64_t> depths = {3, 3, 27, 3, 6};                   ///< blocks per stage
  std::vector<int64_t> hidden_sizes = {192, 384, 768, 1536, 3072};  ///< channels per stage
  int64_t patch_size = 4;                                           ///< kernel and stride of the stem
  double layer_scale_init_value = 1e-6;
  double layer_norm_eps = 1e-6;  ///< the one in use; config.json's 1e-12 belongs to a layer that is never called

  int64_t num_stages() const { return static_cast<int64_t>(depths.size()); }
  /// Pixels per visual token along one side: patch_size * 2^(stages - 1).
  int64_t total_stride() const { return patch_size << (num_stages() - 1); }

  std::string_view model_type() const override { return "convnext"; }
  int64_t output_size() const override { return hidden_sizes.back(); }
  /// floor(H / stride) * floor(W / stride).
  int64_t num_tokens(int64_t height, int64_t width) const override;
  std::string image_sizes() const override;
  void validate(std::string_view where) const override;
  std::vector<std::pair<std::string, std::string>> shape_numbers() const override;
  bool equals(const VisionConfig& other) const override;
  std::shared_ptr<VisionTower> make(const torch::TensorOptions& options) const override;
};

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
  ConvNextStageImpl(int64_t index, const ConvNextConfig& config, const torch::TensorOptions& options);
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
class ConvNextImpl : public VisionTower {
 public:
  explicit ConvNextImpl(ConvNextConfig config, const torch::TensorOptions& options = {});

  /// pixels: [B, 3, H, W] normalised, H, W >= total_stride -> visual features [B, N, C], row-major, N = floor(H/s) *
  /// floor(W/s). Autograd records from the first block with a trainable parameter on; what lies before it keeps
  /// nothing.
  torch::Tensor forward(const torch::Tensor& pixels) override;

  /// As `forward`, before the flattening: [B, C, H/s, W/s].
  torch::Tensor feature_map(const torch::Tensor& pixels);

  const ConvNextConfig& config() const override { return config_; }

  nn::Conv patch_embeddings{nullptr};
  nn::ChannelLayerNorm stem_norm{nullptr};
  torch::nn::ModuleList stages;  ///< of ConvNextStage

 private:
  torch::Tensor stem(const torch::Tensor& pixels);
  void add_stem();
  void add_stage(int64_t index);
  ConvNextConfig config_;
};
TORCH_MODULE(ConvNext);

}  // namespace convllava::model
