#include "convllava/model/training_flops.h"

#include "convllava/nn/libtorch.h"

namespace convllava::model {
namespace {

bool is_trained(const torch::nn::Module& module) {
  for (const auto& parameter : module.parameters()) {
    if (parameter.requires_grad()) return true;
  }
  return false;
}

double matrix_elements(const torch::nn::Module& module) {
  double elements = 0;
  for (const auto& parameter : module.parameters()) {
    elements += parameter.dim() == 2 ? static_cast<double>(parameter.numel()) : 0;
  }
  return elements;
}

/// How often the forward cost of a block counts, asked in the order of forward.
class Passes {
 public:
  int of(const torch::nn::Module& block) {
    if (is_trained(block)) {
      gradients_pass_ = true;
      return 3;
    }
    return gradients_pass_ ? 2 : 1;
  }

 private:
  bool gradients_pass_ = false;
};

}  // namespace

TrainingFlops::TrainingFlops(const ConvLlavaImpl& model) {
  Passes passes;
  if (!model.vision_tower.is_empty()) {
    const auto& tower = *model.vision_tower;
    int64_t stride = tower.config().patch_size;
    const auto stem = static_cast<double>(tower.patch_embeddings->weight.numel());
    vision_.push_back({stride, 2.0 * passes.of(*tower.patch_embeddings) * stem});
    for (size_t index = 0; index < tower.stages->size(); ++index) {
      const auto& stage = *tower.stages->ptr(index)->as<ConvNextStageImpl>();
      if (index > 0) {
        stride *= 2;
        const auto weights = stage.downsampling_layer->ptr(1)->as<nn::ConvImpl>()->weight.numel();
        vision_.push_back({stride, 2.0 * passes.of(*stage.downsampling_layer) * static_cast<double>(weights)});
      }
      for (const auto& block : *stage.layers) {
        const auto& layer = *block->as<ConvNextLayerImpl>();
        const auto weights =
            layer.dwconv->weight.numel() + layer.pwconv1->weight.numel() + layer.pwconv2->weight.numel();
        vision_.push_back({stride, 2.0 * passes.of(layer) * static_cast<double>(weights)});
      }
    }
    per_visual_token_ = 2.0 * passes.of(*model.mm_projector) * matrix_elements(*model.mm_projector);
  }
  const auto& llm = *model.llm;
  passes.of(*llm.embed_tokens);
  for (const auto& block : *llm.layers) {
    const auto& layer = *block->as<LlamaDecoderLayerImpl>();
    const double times = 2.0 * passes.of(layer);
    per_token_ += times * matrix_elements(layer);
    // Scores and their product with the values, of which causality asks for half.
    per_attended_pair_ += times * static_cast<double>(llm.config().hidden_size);
  }
  const torch::nn::Module& head =
      llm.lm_head.is_empty() ? static_cast<const torch::nn::Module&>(*llm.embed_tokens) : *llm.lm_head;
  per_supervised_token_ = 2.0 * passes.of(head) * static_cast<double>(llm.head_weight().numel());
}

double TrainingFlops::of_picture(int64_t height, int64_t width) const {
  double flops = 0;
  for (const auto& block : vision_) {
    flops += block.cost * static_cast<double>((height / block.stride) * (width / block.stride));
  }
  return flops;
}

double TrainingFlops::operator()(const BatchShape& batch) const {
  double flops = per_visual_token_ * static_cast<double>(batch.visual_tokens) +
                 per_token_ * static_cast<double>(batch.tokens) +
                 per_supervised_token_ * static_cast<double>(batch.supervised_tokens);
  for (const int64_t length : batch.sequences) {
    flops += per_attended_pair_ * static_cast<double>(length) * static_cast<double>(length);
  }
  for (const auto& images : batch.images) {
    flops += static_cast<double>(images.count) * of_picture(images.height, images.width);
  }
  return flops;
}

}  // namespace convllava::model
