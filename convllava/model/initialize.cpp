#include "convllava/model/initialize.h"

#include <cmath>

#include "convllava/nn/libtorch.h"

namespace convllava::model {
namespace {

void fill(torch::Tensor tensor, double value) {
  torch::NoGradGuard no_grad;
  tensor.fill_(value);
}

/// U(-1/sqrt(fan_in), 1/sqrt(fan_in)): what kaiming_uniform with a = sqrt(5) comes to.
void fill_default(torch::Tensor weight, torch::Tensor bias) {
  torch::NoGradGuard no_grad;
  const double bound = 1.0 / std::sqrt(static_cast<double>(weight.numel() / weight.size(0)));
  weight.uniform_(-bound, bound);
  bias.uniform_(-bound, bound);
}

void fill_norm(nn::ChannelLayerNormImpl& norm) {
  fill(norm.weight, 1);
  fill(norm.bias, 0);
}

void fill_stage(ConvNextStageImpl& stage, double layer_scale) {
  if (stage.downsampling_layer) {
    fill_norm(stage.downsampling_layer->at<nn::ChannelLayerNormImpl>(0));
    auto& conv = stage.downsampling_layer->at<nn::ConvImpl>(1);
    fill_default(conv.weight, conv.bias);
  }
  for (const auto& module : *stage.layers) {
    auto& layer = *module->as<ConvNextLayerImpl>();
    fill_default(layer.dwconv->weight, layer.dwconv->bias);
    fill_norm(*layer.layernorm);
    fill_default(layer.pwconv1->weight, layer.pwconv1->bias);
    fill_default(layer.pwconv2->weight, layer.pwconv2->bias);
    fill(layer.layer_scale_parameter, layer_scale);
  }
}

}  // namespace

void initialize_llama(LlamaImpl& llama) {
  torch::NoGradGuard no_grad;
  for (auto& item : llama.named_parameters()) {
    if (item.value().dim() == 1) {
      item.value().fill_(1);
    } else {
      item.value().normal_(0, llama.config().initializer_range);
    }
  }
}

void initialize_vision(ConvNextImpl& tower, int64_t first_stage) {
  if (first_stage == 0) {
    fill_default(tower.patch_embeddings->weight, tower.patch_embeddings->bias);
    fill_norm(*tower.stem_norm);
  }
  for (int64_t i = first_stage; i < tower.config().num_stages(); ++i) {
    fill_stage(tower.stages->at<ConvNextStageImpl>(i), tower.config().layer_scale_init_value);
  }
}

void initialize_projector(ProjectorImpl& projector) {
  fill_default(projector.first->weight, projector.first->bias);
  fill_default(projector.second->weight, projector.second->bias);
}

void initialize(ConvLlavaImpl& model) {
  if (model.vision_tower) {
    initialize_vision(*model.vision_tower);
    initialize_projector(*model.mm_projector);
  }
  initialize_llama(*model.llm);
}

}  // namespace convllava::model
