#pragma once

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include <memory>
#include <string>
#include <vector>

#include "convllava/model/batch.h"
#include "convllava/model/connector.h"
#include "convllava/model/language/language_model.h"
#include "convllava/model/model_config.h"
#include "convllava/model/vision/tower.h"
#include "convllava/nn/block.h"

// The whole model: tower -> projector -> language model (paper section 3). T tokens, V visual tokens, R supervised
// positions.

namespace convllava::model {

/// Registered names: vision_tower, mm_projector, llm. Tower and projector are null in a language model alone.
class ConvLlavaImpl : public torch::nn::Module {
 public:
  /// Weights start uninitialised (nn/init.h, formats/model_directory.h). On the meta device nothing is allocated.
  explicit ConvLlavaImpl(ModelConfig config, const torch::TensorOptions& options = {});

  /// `scale` * sum of cross-entropies over the batch's supervised positions: scalar fp32. Dividing by the supervised
  /// tokens of the global batch is the caller's `scale`. A batch without images does not run the tower.
  torch::Tensor loss(const Batch& batch, double scale);

  /// Final states [T, hidden] (before the head).
  torch::Tensor hidden_states(const Batch& batch, nn::KvCache* cache = nullptr);

  /// Images [n, H, W, 3] uint8 -> projected visual tokens [n * N, hidden], image by image.
  torch::Tensor encode_images(const torch::Tensor& pixels);

  /// All parameters, in the order in which forward uses them. They refer to this model.
  std::vector<nn::Block> blocks() const;
  /// Recomputes in backward what the patterns select (nn/block_pattern.h).
  void set_recompute(const std::vector<std::string>& patterns);
  /// nn::BlockRunner::set_observer of all parts.
  void set_observer(nn::BlockObserver* observer);

  const ModelConfig& config() const { return config_; }
  std::shared_ptr<VisionTower> vision_tower;
  std::shared_ptr<Connector> mm_projector;
  std::shared_ptr<LanguageModel> llm;

 private:
  torch::Tensor embed(const Batch& batch);
  std::vector<std::shared_ptr<nn::BlockModule>> parts() const;
  ModelConfig config_;
};
TORCH_MODULE(ConvLlava);

/// Normalisation as the reference does it: (pixel * (1/255) - mean) / std. [n, H, W, 3] uint8 -> [n, 3, H, W] of
/// `dtype`, channels-last memory.
torch::Tensor normalize_pixels(const torch::Tensor& pixels, const image::PixelStats& stats, torch::ScalarType dtype);

}  // namespace convllava::model
