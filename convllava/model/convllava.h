#pragma once

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include <string>
#include <vector>

#include "convllava/config/model_config.h"
#include "convllava/image/preprocess.h"
#include "convllava/model/batch.h"
#include "convllava/model/convnext.h"
#include "convllava/model/llama.h"
#include "convllava/model/projector.h"

// The whole model: tower -> projector -> language model (paper section 3). T tokens, V visual tokens, R supervised
// positions.

namespace convllava::model {

/// Registered names: vision_tower (ConvNext), mm_projector (Projector), llm (Llama). A configuration without vision
/// stages makes a language model alone: tower and projector are then null.
class ConvLlavaImpl : public torch::nn::Module {
 public:
  /// Weights start uninitialised (initialize.h, checkpoint/model_directory.h). On the meta device nothing is allocated.
  explicit ConvLlavaImpl(config::ModelConfig config, const torch::TensorOptions& options = {});

  /// `scale` * sum of cross-entropies over the batch's supervised positions: scalar fp32. Dividing by the supervised
  /// tokens of the global batch is the caller's `scale`. A batch without pictures does not run the tower.
  torch::Tensor loss(const Batch& batch, double scale);

  /// Final states [T, hidden] (before the head).
  torch::Tensor hidden_states(const Batch& batch, KvCache* cache = nullptr);

  /// Pictures [n, H, W, 3] uint8 -> projected visual tokens [n * N, hidden], picture by picture.
  torch::Tensor encode_images(const torch::Tensor& pixels);

  /// Throws DataError of a language model alone.
  void require_vision() const;

  const config::ModelConfig& config() const { return config_; }
  ConvNext vision_tower{nullptr};
  Projector mm_projector{nullptr};
  Llama llm{nullptr};

 private:
  torch::Tensor embed(const Batch& batch);
  config::ModelConfig config_;
};
TORCH_MODULE(ConvLlava);

/// CLIP's normalisation as the reference does it: (pixel * (1/255) - mean) / std. [n, H, W, 3] uint8 -> [n, 3, H, W] of
/// `dtype`, channels-last memory.
torch::Tensor normalize_pixels(const torch::Tensor& pixels, torch::ScalarType dtype);

/// A picture as the tower takes it, resized and normalised: [1, 3, H, W] on `device`. Throws DataError for a picture
/// that `image::preprocess` refuses.
torch::Tensor to_pixels(const image::Image& picture, const image::PreprocessOptions& options,
                        const torch::Device& device = torch::kCPU, torch::ScalarType dtype = torch::kFloat);

/// One transformer block, ConvNeXt block, down-sampling layer, ...: the grain at which gradients are reduced and states
/// are sharded.
struct ParameterBlock {
  std::string name;
  std::vector<std::pair<std::string, torch::Tensor>> parameters;
  bool used_once = false;  ///< a forward pass uses each parameter once: its gradient comes whole
};

/// All parameters, in the order in which forward uses them.
std::vector<ParameterBlock> parameter_blocks(const ConvLlavaImpl& model);

}  // namespace convllava::model
