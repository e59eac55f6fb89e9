#include "convllava/model/initialize.h"

#include <cmath>

#include "convllava/nn/libtorch.h"

namespace convllava::model {
namespace {

void fill(torch::Tensor tensor, double value) {
  torch::NoGradGuard no_grad;
  tensor.fill_(value);
}

/// Draws in fp32, in the tensor's own memory order, and rounds.
template <class Draw>
void fill_drawn(torch::Tensor tensor, Draw draw) {
  torch::NoGradGuard no_grad;
  auto wide = tensor.to(torch::kFloat);  // the tensor itself where it is fp32
  draw(wide);
  tensor.copy_(wide);
}

/// U(-1/sqrt(fan_in), 1/sqrt(fan_in)): what kaiming_uniform with a = sqrt(5) comes to.
void fill_default(const torch::Tensor& weight, const torch::Tensor& bias) {
  const double bound = 1.0 / std::sqrt(static_cast<double>(weight.numel() / weight.size(0)));
  const auto draw = [&](torch::Tensor& wide) { wide.uniform_(-bound, bound); };
  fill_drawn(weight, draw);
  fill_drawn(bias, draw);
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
  const double deviation = llama.config().initializer_range;
  for (const auto& parameter : llama.parameters()) {
    if (parameter.dim() == 1) {
      fill(parameter, 1);
    } else {
      fill_drawn(parameter, [&](torch::Tensor& wide) { wide.normal_(0, deviation); });
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
