#include "convllava/model/vision/convnext.h"

#include "convllava/nn/libtorch.h"
#include "convllava/nn/recompute.h"

namespace convllava::model {
namespace {

/// The same memory seen as [B, H, W, C], and back.
torch::Tensor channels_last_view(const torch::Tensor& x) { return x.permute({0, 2, 3, 1}); }
torch::Tensor channels_first_view(const torch::Tensor& x) { return x.permute({0, 3, 1, 2}); }

}  // namespace

ConvNextLayerImpl::ConvNextLayerImpl(int64_t channels, double eps, const torch::TensorOptions& options) {
  layer_scale_parameter = register_parameter("layer_scale_parameter", torch::empty({channels}, options));
  const nn::ConvShape depthwise{
      .in_channels = channels, .out_channels = channels, .kernel = 7, .padding = 3, .groups = channels};
  dwconv = register_module("dwconv", nn::Conv(depthwise, options));
  layernorm = register_module("layernorm", nn::ChannelLayerNorm(channels, eps, options));
  pwconv1 = register_module("pwconv1", nn::Linear(channels, 4 * channels, /*with_bias=*/true, options));
  pwconv2 = register_module("pwconv2", nn::Linear(4 * channels, channels, /*with_bias=*/true, options));
}

torch::Tensor ConvNextLayerImpl::forward(const torch::Tensor& x) {
  auto y = layernorm(channels_last_view(dwconv(x)));
  y = pwconv1(y);
  // Of a picture of 1536 pixels the widest of these tensors has 432 MiB; a copy is only needed for backward, which
  // frozen layers in front of the first trainable one do not have.
  y = y.requires_grad() ? at::gelu(y) : at::gelu_(y);
  y = pwconv2(y);
  return channels_first_view(at::addcmul(channels_last_view(x), y, layer_scale_parameter));
}

ConvNextStageImpl::ConvNextStageImpl(int64_t index, const VisionConfig& config, const torch::TensorOptions& options) {
  const int64_t channels = config.hidden_sizes[index];
  if (index > 0) {
    const int64_t before = config.hidden_sizes[index - 1];
    const nn::ConvShape halve{.in_channels = before, .out_channels = channels, .kernel = 2, .stride = 2};
    downsampling_layer = register_module("downsampling_layer", torch::nn::ModuleList());
    downsampling_layer->push_back(nn::ChannelLayerNorm(before, config.layer_norm_eps, options));
    downsampling_layer->push_back(nn::Conv(halve, options));
  }
  layers = register_module("layers", torch::nn::ModuleList());
  for (int64_t i = 0; i < config.depths[index]; ++i) {
    layers->push_back(ConvNextLayer(channels, config.layer_norm_eps, options));
  }
}

torch::Tensor ConvNextStageImpl::forward(const torch::Tensor& x, bool recompute_blocks) {
  auto y = x;
  if (downsampling_layer) {
    y = downsampling_layer->at<nn::ChannelLayerNormImpl>(0).forward(channels_last_view(y));
    y = downsampling_layer->at<nn::ConvImpl>(1).forward(channels_first_view(y));
  }
  for (const auto& module : *layers) {
    auto* layer = module->as<ConvNextLayerImpl>();
    y = recompute_blocks ? nn::recompute([layer](const torch::Tensor& input) { return layer->forward(input); }, y,
                                         layer->parameters())
                         : layer->forward(y);
  }
  return y;
}

ConvNextImpl::ConvNextImpl(VisionConfig config, const torch::TensorOptions& options) : config_(std::move(config)) {
  const nn::ConvShape patch{.in_channels = 3,
                            .out_channels = config_.hidden_sizes[0],
                            .kernel = config_.patch_size,
                            .stride = config_.patch_size};
  auto embeddings = register_module("embeddings", std::make_shared<torch::nn::Module>());
  patch_embeddings = embeddings->register_module("patch_embeddings", nn::Conv(patch, options));
  stem_norm = embeddings->register_module(
      "layernorm", nn::ChannelLayerNorm(config_.hidden_sizes[0], config_.layer_norm_eps, options));
  auto encoder = register_module("encoder", std::make_shared<torch::nn::Module>());
  stages = encoder->register_module("stages", torch::nn::ModuleList());
  for (int64_t i = 0; i < config_.num_stages(); ++i) stages->push_back(ConvNextStage(i, config_, options));
}

torch::Tensor ConvNextImpl::feature_map(const torch::Tensor& pixels) {
  TORCH_CHECK(pixels.dim() == 4 && pixels.size(1) == 3, "expected pixels [B, 3, H, W], got ", pixels.sizes());
  TORCH_CHECK(std::min(pixels.size(2), pixels.size(3)) >= config_.total_stride(), "pictures of ", pixels.size(2), "x",
              pixels.size(3), " pixels give no visual token; expected at least ", config_.total_stride(), " on a side");
  auto x = patch_embeddings(pixels.contiguous(torch::MemoryFormat::ChannelsLast));
  x = channels_first_view(stem_norm(channels_last_view(x)));
  for (const auto& stage : *stages) x = stage->as<ConvNextStageImpl>()->forward(x, recompute_);
  return x;
}

torch::Tensor ConvNextImpl::forward(const torch::Tensor& pixels) {
  return channels_last_view(feature_map(pixels)).flatten(1, 2);
}

}  // namespace convllava::model
