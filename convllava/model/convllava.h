#pragma once

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include <string>
#include <vector>

#include "convllava/model/batch.h"
#include "convllava/model/connector.h"
#include "convllava/model/language/llama.h"
#include "convllava/model/model_config.h"
#include "convllava/model/vision/convnext.h"
#include "convllava/nn/block.h"

// The whole model: tower -> projector -> language model (paper section 3). T tokens, V visual tokens, R supervised
// positions.

namespace convllava::model {

/// Registered names: vision_tower (ConvNext), mm_projector (Projector), llm (Llama). A configuration without vision
/// stages makes a language model alone: tower and projector are then null.
class ConvLlavaImpl : public torch::nn::Module {
 public:
  /// Weights start uninitialised (initialize.h, formats/model_directory.h). On the meta device nothing is allocated.
  explicit ConvLlavaImpl(ModelConfig config, const torch::TensorOptions& options = {});

  /// `scale` * sum of cross-entropies over the batch's supervised positions: scalar fp32. Dividing by the supervised
  /// tokens of the global batch is the caller's `scale`. A batch without pictures does not run the tower.
  torch::Tensor loss(const Batch& batch, double scale);

  /// Final states [T, hidden] (before the head).
  torch::Tensor hidden_states(const Batch& batch, nn::KvCache* cache = nullptr);

  /// Pictures [n, H, W, 3] uint8 -> projected visual tokens [n * N, hidden], picture by picture.
  torch::Tensor encode_images(const torch::Tensor& pixels);

  /// Throws DataError of a language model alone.
  void require_vision() const;

  const ModelConfig& config() const { return config_; }
  ConvNext vision_tower{nullptr};
  Projector mm_projector{nullptr};
  Llama llm{nullptr};

 private:
  torch::Tensor embed(const Batch& batch);
  ModelConfig config_;
};
TORCH_MODULE(ConvLlava);

/// CLIP's normalisation as the reference does it: (pixel * (1/255) - mean) / std. [n, H, W, 3] uint8 -> [n, 3, H, W] of
/// `dtype`, channels-last memory.
torch::Tensor normalize_pixels(const torch::Tensor& pixels, torch::ScalarType dtype);

/// All parameters, in the order in which forward uses them.
std::vector<nn::Block> parameter_blocks(const ConvLlavaImpl& model);

}  // namespace convllava::model
