#include "convllava/model/vision/convnext.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "convllava/model/config_check.h"
#include "convllava/nn/init.h"
#include "convllava/nn/libtorch.h"

namespace convllava::model {
namespace {

/// The same memory seen as [B, H, W, C], and back.
torch::Tensor channels_last_view(const torch::Tensor& x) { return x.permute({0, 2, 3, 1}); }
torch::Tensor channels_first_view(const torch::Tensor& x) { return x.permute({0, 3, 1, 2}); }

/// Of all images, one position for each square of `stride` pixels.
int64_t positions(const nn::BatchShape& batch, int64_t stride) {
  int64_t sum = 0;
  for (const auto& images : batch.images) sum += images.count * (images.height / stride) * (images.width / stride);
  return sum;
}

int64_t pixel_bytes(const nn::BatchShape& batch, int64_t bytes) { return 3 * positions(batch, 1) * bytes; }

nn::BlockCost layer_cost(int64_t positions, int64_t channels, int64_t pixel_bytes, int64_t bytes) {
  const int64_t weights = (7 * 7 + 2 * 4 * channels) * channels;
  const int64_t kept = positions * (12 * channels * bytes + 2 * nn::kFloatBytes);
  return {.multiply_adds = static_cast<double>(positions) * static_cast<double>(weights),
          .kept = kept,
          .input = positions * channels * bytes,
          .forward_workspace = pixel_bytes + positions * 6 * channels * bytes,
          .backward_workspace = kept / 2};
}

}  // namespace

int64_t ConvNextConfig::num_tokens(int64_t height, int64_t width) const {
  return (height / total_stride()) * (width / total_stride());
}

std::string ConvNextConfig::image_sizes() const { return fmt::format("at least {} pixels on a side", total_stride()); }

void ConvNextConfig::validate(std::string_view where) const {
  const ConfigCheck check(where);
  if (depths.empty()) check.fail("depths", "the tower has no stages", "", "at least one depth");
  if (depths.size() != hidden_sizes.size()) {
    check.fail("hidden_sizes", "not as many as depths", std::to_string(hidden_sizes.size()),
               std::to_string(depths.size()));
  }
  if (num_stages() > kMostStages) {
    check.fail("depths", "too many stages", std::to_string(num_stages()), fmt::format("at most {}", kMostStages));
  }
  for (const int64_t depth : depths) check.positive("depths", depth);
  for (const int64_t width : hidden_sizes) check.positive("hidden_sizes", width);
  check.positive("patch_size", patch_size);
  check.positive("layer_norm_eps", layer_norm_eps);
}

std::vector<std::pair<std::string, std::string>> ConvNextConfig::shape_numbers() const {
  return {{"depths", fmt::format("{}", depths)},
          {"hidden_sizes", fmt::format("{}", hidden_sizes)},
          {"patch_size", fmt::format("{}", patch_size)}};
}

bool ConvNextConfig::equals(const VisionConfig& other) const {
  const auto* that = dynamic_cast<const ConvNextConfig*>(&other);
  return that != nullptr && depths == that->depths && hidden_sizes == that->hidden_sizes &&
         patch_size == that->patch_size && layer_scale_init_value == that->layer_scale_init_value &&
         layer_norm_eps == that->layer_norm_eps;
}

std::shared_ptr<VisionTower> ConvNextConfig::make(const torch::TensorOptions& options) const {
  return ConvNext(*this, options).ptr();
}

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
  // Of an image of 1536 pixels the widest of these tensors has 432 MiB; a copy is only needed for backward, which
  // frozen layers in front of the first trainable one do not have.
  y = y.requires_grad() ? at::gelu(y) : at::gelu_(y);
  y = pwconv2(y);
  return channels_first_view(at::addcmul(channels_last_view(x), y, layer_scale_parameter));
}

void ConvNextLayerImpl::initialize(double layer_scale) {
  nn::fill_default(dwconv->weight, dwconv->bias);
  nn::fill_norm(layernorm->weight, layernorm->bias);
  nn::fill_default(pwconv1->weight, pwconv1->bias);
  nn::fill_default(pwconv2->weight, pwconv2->bias);
  nn::fill(layer_scale_parameter, layer_scale);
}

ConvNextStageImpl::ConvNextStageImpl(int64_t index, const ConvNextConfig& config, const torch::TensorOptions& options) {
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

torch::Tensor ConvNextStageImpl::downsample(const torch::Tensor& x) {
  const auto y = downsampling_layer->at<nn::ChannelLayerNormImpl>(0).forward(channels_last_view(x));
  return downsampling_layer->at<nn::ConvImpl>(1).forward(channels_first_view(y));
}

ConvNextImpl::ConvNextImpl(ConvNextConfig config, const torch::TensorOptions& options) : config_(std::move(config)) {
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
  add_stem();
  for (int64_t i = 0; i < config_.num_stages(); ++i) {
    stages->push_back(ConvNextStage(i, config_, options));
    add_stage(i);
  }
}

void ConvNextImpl::add_stem() {
  auto block = nn::make_block("embeddings", "vision.stem", *named_children()["embeddings"]);
  block.initialize = [this] {
    nn::fill_default(patch_embeddings->weight, patch_embeddings->bias);
    nn::fill_norm(stem_norm->weight, stem_norm->bias);
  };
  block.cost = [stride = config_.patch_size, channels = config_.hidden_sizes[0]](const nn::BatchShape& batch,
                                                                                 int64_t bytes) {
    const int64_t outputs = positions(batch, stride);
    return nn::BlockCost{.multiply_adds = 1.0 * outputs * (3 * stride * stride * channels),
                         .kept = pixel_bytes(batch, bytes) + outputs * (channels * bytes + 2 * nn::kFloatBytes)};
  };
  runner.add(std::move(block));
}

void ConvNextImpl::add_stage(int64_t index) {
  auto* stage = stages->ptr(index)->as<ConvNextStageImpl>();
  const std::string name = "encoder.stages." + std::to_string(index);
  const std::string path = "vision.stages." + std::to_string(index + 1);
  const int64_t stride = config_.patch_size << index;
  const int64_t channels = config_.hidden_sizes[index];
  if (stage->downsampling_layer) {
    auto block = nn::make_block(name + ".downsampling_layer", path + ".downsampling_layer", *stage->downsampling_layer);
    block.initialize = [stage] {
      const auto& norm = stage->downsampling_layer->at<nn::ChannelLayerNormImpl>(0);
      nn::fill_norm(norm.weight, norm.bias);
      auto& conv = stage->downsampling_layer->at<nn::ConvImpl>(1);
      nn::fill_default(conv.weight, conv.bias);
    };
    block.cost = [stride, channels, before = config_.hidden_sizes[index - 1]](const nn::BatchShape& batch,
                                                                              int64_t bytes) {
      return nn::BlockCost{.multiply_adds = 4.0 * positions(batch, stride) * (before * channels),
                           .kept = positions(batch, stride / 2) * (2 * before * bytes + 2 * nn::kFloatBytes)};
    };
    runner.add(std::move(block));
  }
  for (size_t i = 0; i < stage->layers->size(); ++i) {
    const std::string end = ".layers." + std::to_string(i);
    auto* layer = stage->layers->ptr(i)->as<ConvNextLayerImpl>();
    auto block = nn::make_block(name + end, path + end, *layer);
    block.recomputable = true;
    block.initialize = [this, layer] { layer->initialize(config_.layer_scale_init_value); };
    block.cost = [stride, channels](const nn::BatchShape& batch, int64_t bytes) {
      return layer_cost(positions(batch, stride), channels, pixel_bytes(batch, bytes), bytes);
    };
    runner.add(std::move(block));
  }
}

torch::Tensor ConvNextImpl::stem(const torch::Tensor& pixels) {
  return channels_first_view(stem_norm(channels_last_view(patch_embeddings(pixels))));
}

torch::Tensor ConvNextImpl::feature_map(const torch::Tensor& pixels) {
  TORCH_CHECK(pixels.dim() == 4 && pixels.size(1) == 3, "expected pixels [B, 3, H, W], got ", pixels.sizes());
  TORCH_CHECK(std::min(pixels.size(2), pixels.size(3)) >= config_.total_stride(), "images of ", pixels.size(2), "x",
              pixels.size(3), " pixels give no visual token; expected at least ", config_.total_stride(), " on a side");
  size_t block = 0;
  auto x = runner.run(block++, pixels.contiguous(torch::MemoryFormat::ChannelsLast),
                      [this](const torch::Tensor& input) { return stem(input); });
  for (const auto& module : *stages) {
    auto* stage = module->as<ConvNextStageImpl>();
    if (stage->downsampling_layer) {
      x = runner.run(block++, x, [stage](const torch::Tensor& input) { return stage->downsample(input); });
    }
    for (const auto& item : *stage->layers) {
      auto* layer = item->as<ConvNextLayerImpl>();
      x = runner.run(block++, x, [layer](const torch::Tensor& input) { return layer->forward(input); });
    }
  }
  return x;
}

torch::Tensor ConvNextImpl::forward(const torch::Tensor& pixels) {
  return channels_last_view(feature_map(pixels)).flatten(1, 2);
}

}  // namespace convllava::model
