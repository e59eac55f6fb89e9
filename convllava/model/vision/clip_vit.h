#pragma once

#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/pimpl.h>

#include "convllava/model/vision/tower.h"
#include "convllava/nn/linear.h"
#include "convllava/nn/norm.h"

// CLIP's ViT (Radford et al., arXiv 2103.00020), the tower of LLaVA-1.5. Parameter names are those of transformers'
// `CLIPVisionModel` in the published files. Features are the states before CLIP's last layer, without the class token:
// LLaVA's `mm_vision_select_layer` -2, "patch". So the last layer and the norm behind it are not part of the tower.

namespace convllava::model {

/// Fields of Hugging Face's CLIPVisionConfig; defaults are those of openai/clip-vit-large-patch14-336.
struct ClipVisionConfig final : VisionConfig {
  int64_t hidden_size = 1024;
  int64_t intermediate_size = 4096;
  int64_t num_hidden_layers = 24;  ///< of CLIP; the tower computes all but the last
  int64_t num_attention_heads = 16;
  int64_t image_size = 336;  ///< pixels on a side, the only size
  int64_t patch_size = 14;
  double layer_norm_eps = 1e-5;

  int64_t num_patches() const { return (image_size / patch_size) * (image_size / patch_size); }

  std::string_view model_type() const override { return "clip_vision_model"; }
  int64_t output_size() const override { return hidden_size; }
  int64_t num_tokens(int64_t height, int64_t width) const override;
  std::string image_sizes() const override;
  std::optional<int64_t> fixed_image_size() const override { return image_size; }
  void validate(std::string_view where) const override;
  std::vector<std::pair<std::string, std::string>> shape_numbers() const override;
  bool equals(const VisionConfig& other) const override;
  std::shared_ptr<VisionTower> make(const torch::TensorOptions& options) const override;
};

/// x + attention(norm(x)), then x + fc2(quick_gelu(fc1(norm(x)))). x: [B, 1 + N, C]; attention sees every token.
class ClipLayerImpl : public torch::nn::Module {
 public:
  ClipLayerImpl(const ClipVisionConfig& config, const torch::TensorOptions& options);
  torch::Tensor forward(const torch::Tensor& x);
  /// As transformers' `CLIPPreTrainedModel` does, for a network of `layers` layers.
  void initialize(int64_t layers);

  nn::Linear q_proj{nullptr}, k_proj{nullptr}, v_proj{nullptr}, out_proj{nullptr};
  nn::Linear fc1{nullptr}, fc2{nullptr};
  nn::ChannelLayerNorm layer_norm1{nullptr}, layer_norm2{nullptr};

 private:
  torch::Tensor attention(const torch::Tensor& x);
  int64_t heads_;
};
TORCH_MODULE(ClipLayer);

/// Blocks: vision.embeddings, vision.pre_layrnorm (as CLIP spells it) and vision.layers.N.
class ClipVisionImpl : public VisionTower {
 public:
  explicit ClipVisionImpl(ClipVisionConfig config, const torch::TensorOptions& options = {});

  /// [B, 3, image_size, image_size] -> [B, N, hidden_size].
  torch::Tensor forward(const torch::Tensor& pixels) override;
  const ClipVisionConfig& config() const override { return config_; }

  torch::Tensor class_embedding;  ///< [C]
  nn::Conv patch_embedding{nullptr};
  nn::Embedding position_embedding{nullptr};  ///< [1 + N, C]
  nn::ChannelLayerNorm pre_layrnorm{nullptr};
  torch::nn::ModuleList layers;  ///< of ClipLayer

 private:
  torch::Tensor embed(const torch::Tensor& pixels);
  void add_blocks(torch::nn::Module& embeddings);
  ClipVisionConfig config_;
};
TORCH_MODULE(ClipVision);

}  // namespace convllava::model
