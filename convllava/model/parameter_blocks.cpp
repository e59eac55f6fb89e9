#include "convllava/model/convllava.h"
#include "convllava/model/trainable.h"
#include "convllava/nn/libtorch.h"

namespace convllava::model {
namespace {

void append(std::vector<nn::Block>& blocks, const std::string& name, const torch::nn::Module& module, bool used_once) {
  nn::Block block{name, module_of(name + "."), {}, used_once};
  for (const auto& item : module.named_parameters()) {
    block.parameters.emplace_back(name + "." + item.key(), item.value());
  }
  blocks.push_back(std::move(block));
}

/// Used once for each size of picture in a micro-batch.
void append_vision(std::vector<nn::Block>& blocks, const ConvLlavaImpl& model) {
  append(blocks, "vision_tower.embeddings", *model.vision_tower->named_children()["embeddings"], false);
  for (size_t s = 0; s < model.vision_tower->stages->size(); ++s) {
    const auto& stage = model.vision_tower->stages->at<ConvNextStageImpl>(s);
    const std::string prefix = "vision_tower.encoder.stages." + std::to_string(s);
    if (stage.downsampling_layer) append(blocks, prefix + ".downsampling_layer", *stage.downsampling_layer, false);
    for (size_t i = 0; i < stage.layers->size(); ++i) {
      append(blocks, prefix + ".layers." + std::to_string(i), *stage.layers->ptr(i), false);
    }
  }
  append(blocks, "mm_projector", *model.mm_projector, false);
}

}  // namespace

std::vector<nn::Block> parameter_blocks(const ConvLlavaImpl& model) {
  std::vector<nn::Block> blocks;
  if (model.vision_tower) append_vision(blocks, model);
  const bool tied = !model.llm->lm_head;
  append(blocks, "llm.model.embed_tokens", *model.llm->embed_tokens, !tied);
  for (size_t i = 0; i < model.llm->layers->size(); ++i) {
    append(blocks, "llm.model.layers." + std::to_string(i), *model.llm->layers->ptr(i), true);
  }
  append(blocks, "llm.model.norm", *model.llm->norm, true);
  if (!tied) append(blocks, "llm.lm_head", *model.llm->lm_head, true);
  return blocks;
}

}  // namespace convllava::model
