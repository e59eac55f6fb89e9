#include "convllava/model/vision/clip_vit.h"

#include <fmt/format.h>

#include <cmath>

#include "convllava/model/config_check.h"
#include "convllava/nn/init.h"
#include "convllava/nn/libtorch.h"

namespace convllava::model {
namespace {

constexpr double kInitializerRange = 0.02;

void fill_linear(const nn::LinearImpl& linear, double deviation) {
  nn::fill_normal(linear.weight, deviation);
  nn::fill(linear.bias, 0);
}

int64_t image_count(const nn::BatchShape& batch) {
  int64_t count = 0;
  for (const auto& images : batch.images) count += images.count;
  return count;
}

nn::BlockCost clip_layer_cost(const ClipVisionConfig& config, int64_t images, int64_t bytes) {
  const int64_t tokens = 1 + config.num_patches();
  const int64_t hidden = config.hidden_size;
  const int64_t inner = config.intermediate_size;
  const int64_t rows = images * tokens;
  // Kept: both norms' inputs and outputs, q, k, v, the attended values; fc1's output, its sigmoid and their product.
  const int64_t kept = rows * ((8 * hidden + 3 * inner) * bytes + (4 + config.num_attention_heads) * nn::kFloatBytes);
  return {.multiply_adds = static_cast<double>(rows) * static_cast<double>(4 * hidden * hidden + 2 * hidden * inner),
          .attention = 2.0 * static_cast<double>(rows) * static_cast<double>(tokens * hidden),
          .kept = kept,
          .input = rows * hidden * bytes,
          .forward_workspace = rows * (2 * hidden + 2 * inner) * bytes,
          .backward_workspace = kept / 2};
}

}  // namespace

int64_t ClipVisionConfig::num_tokens(int64_t height, int64_t width) const {
  return height == image_size && width == image_size ? num_patches() : 0;
}

std::string ClipVisionConfig::image_sizes() const { return fmt::format("{} x {} pixels", image_size, image_size); }

void ClipVisionConfig::validate(std::string_view where) const {
  const ConfigCheck check(where);
  check.positive("hidden_size", hidden_size);
  check.positive("intermediate_size", intermediate_size);
  check.positive("num_attention_heads", num_attention_heads);
  check.positive("image_size", image_size);
  check.positive("patch_size", patch_size);
  check.positive("layer_norm_eps", layer_norm_eps);
  if (num_hidden_layers < 2) {
    check.fail("num_hidden_layers", "out of range", std::to_string(num_hidden_layers), "at least 2");
  }
  if (hidden_size % num_attention_heads != 0) {
    check.fail("num_attention_heads", "does not divide hidden_size", std::to_string(num_attention_heads),
               fmt::format("a divisor of {}", hidden_size));
  }
  if (image_size % patch_size != 0) {
    check.fail("patch_size", "does not divide image_size", std::to_string(patch_size),
               fmt::format("a divisor of {}", image_size));
  }
}

std::vector<std::pair<std::string, std::string>> ClipVisionConfig::shape_numbers() const {
  return {{"hidden_size", std::to_string(hidden_size)},
          {"intermediate_size", std::to_string(intermediate_size)},
          {"num_hidden_layers", std::to_string(num_hidden_layers)},
          {"num_attention_heads", std::to_string(num_attention_heads)},
          {"image_size", std::to_string(image_size)},
          {"patch_size", std::to_string(patch_size)}};
}

bool ClipVisionConfig::equals(const VisionConfig& other) const {
  const auto* that = dynamic_cast<const ClipVisionConfig*>(&other);
  return that != nullptr && shape_numbers() == that->shape_numbers() && layer_norm_eps == that->layer_norm_eps;
}

std::shared_ptr<VisionTower> ClipVisionConfig::make(const torch::TensorOptions& options) const {
  return ClipVision(*this, options).ptr();
}

ClipLayerImpl::ClipLayerImpl(const ClipVisionConfig& config, const torch::TensorOptions& options)
    : heads_(config.num_attention_heads) {
  const int64_t hidden = config.hidden_size;
  const auto linear = [&](int64_t in, int64_t out) { return nn::Linear(in, out, /*with_bias=*/true, options); };
  auto self_attn = register_module("self_attn", std::make_shared<torch::nn::Module>());
  k_proj = self_attn->register_module("k_proj", linear(hidden, hidden));
  v_proj = self_attn->register_module("v_proj", linear(hidden, hidden));
  q_proj = self_attn->register_module("q_proj", linear(hidden, hidden));
  out_proj = self_attn->register_module("out_proj", linear(hidden, hidden));
  layer_norm1 = register_module("layer_norm1", nn::ChannelLayerNorm(hidden, config.layer_norm_eps, options));
  auto mlp = register_module("mlp", std::make_shared<torch::nn::Module>());
  fc1 = mlp->register_module("fc1", linear(hidden, config.intermediate_size));
  fc2 = mlp->register_module("fc2", linear(config.intermediate_size, hidden));
  layer_norm2 = register_module("layer_norm2", nn::ChannelLayerNorm(hidden, config.layer_norm_eps, options));
}

torch::Tensor ClipLayerImpl::attention(const torch::Tensor& x) {
  const auto heads = [&](const torch::Tensor& t) { return t.unflatten(-1, {heads_, -1}).transpose(1, 2); };
  const auto y = at::scaled_dot_product_attention(heads(q_proj(x)), heads(k_proj(x)), heads(v_proj(x)));
  return out_proj(y.transpose(1, 2).flatten(2));
}

torch::Tensor ClipLayerImpl::forward(const torch::Tensor& x) {
  const auto attended = x + attention(layer_norm1(x));
  const auto y = fc1(layer_norm2(attended));
  return attended + fc2(y * at::sigmoid(1.702 * y));
}

void ClipLayerImpl::initialize(int64_t layers) {
  const auto hidden = static_cast<double>(fc1->weight.size(1));
  const double into = 1 / std::sqrt(hidden * 2 * static_cast<double>(layers));
  for (const auto& projection : {q_proj, k_proj, v_proj}) fill_linear(*projection, into);
  fill_linear(*out_proj, 1 / std::sqrt(hidden));
  fill_linear(*fc1, 1 / std::sqrt(2 * hidden));
  fill_linear(*fc2, into);
  nn::fill_norm(layer_norm1->weight, layer_norm1->bias);
  nn::fill_norm(layer_norm2->weight, layer_norm2->bias);
}

ClipVisionImpl::ClipVisionImpl(ClipVisionConfig config, const torch::TensorOptions& options) : config_(config) {
  const int64_t hidden = config_.hidden_size;
  const nn::ConvShape patch{.in_channels = 3,
                            .out_channels = hidden,
                            .kernel = config_.patch_size,
                            .stride = config_.patch_size,
                            .with_bias = false};
  auto model = register_module("vision_model", std::make_shared<torch::nn::Module>());
  auto embeddings = model->register_module("embeddings", std::make_shared<torch::nn::Module>());
  class_embedding = embeddings->register_parameter("class_embedding", torch::empty({hidden}, options));
  patch_embedding = embeddings->register_module("patch_embedding", nn::Conv(patch, options));
  position_embedding =
      embeddings->register_module("position_embedding", nn::Embedding(1 + config_.num_patches(), hidden, options));
  pre_layrnorm = model->register_module("pre_layrnorm", nn::ChannelLayerNorm(hidden, config_.layer_norm_eps, options));
  auto encoder = model->register_module("encoder", std::make_shared<torch::nn::Module>());
  layers = encoder->register_module("layers", torch::nn::ModuleList());
  for (int64_t i = 0; i + 1 < config_.num_hidden_layers; ++i) layers->push_back(ClipLayer(config_, options));
  add_blocks(*embeddings);
}

void ClipVisionImpl::add_blocks(torch::nn::Module& embeddings) {
  auto first = nn::make_block("vision_model.embeddings", "vision.embeddings", embeddings);
  first.initialize = [this] {
    nn::fill_normal(class_embedding, 1 / std::sqrt(static_cast<double>(config_.hidden_size)));
    nn::fill_normal(patch_embedding->weight, kInitializerRange);
    nn::fill_normal(position_embedding->weight, kInitializerRange);
  };
  first.cost = [config = config_](const nn::BatchShape& batch, int64_t bytes) {
    const int64_t patches = image_count(batch) * config.num_patches();
    const int64_t inputs = 3 * config.patch_size * config.patch_size;
    return nn::BlockCost{.multiply_adds = 1.0 * patches * (inputs * config.hidden_size),
                         .kept = patches * inputs * bytes};
  };
  runner.add(std::move(first));
  auto norm = nn::make_block("vision_model.pre_layrnorm", "vision.pre_layrnorm", *pre_layrnorm);
  norm.initialize = [this] { nn::fill_norm(pre_layrnorm->weight, pre_layrnorm->bias); };
  norm.cost = [config = config_](const nn::BatchShape& batch, int64_t bytes) {
    const int64_t rows = image_count(batch) * (1 + config.num_patches());
    return nn::BlockCost{.kept = rows * (config.hidden_size * bytes + 2 * nn::kFloatBytes)};
  };
  runner.add(std::move(norm));
  for (size_t i = 0; i < layers->size(); ++i) {
    auto* layer = layers->ptr(i)->as<ClipLayerImpl>();
    const std::string end = "layers." + std::to_string(i);
    auto block = nn::make_block("vision_model.encoder." + end, "vision." + end, *layer);
    block.used_once = true;  // images have one size, so a batch is one forward pass
    block.recomputable = true;
    block.initialize = [this, layer] { layer->initialize(config_.num_hidden_layers); };
    block.cost = [config = config_](const nn::BatchShape& batch, int64_t bytes) {
      return clip_layer_cost(config, image_count(batch), bytes);
    };
    runner.add(std::move(block));
  }
}

torch::Tensor ClipVisionImpl::embed(const torch::Tensor& pixels) {
  const auto patches = patch_embedding(pixels).flatten(2).transpose(1, 2);
  const auto first = class_embedding.expand({pixels.size(0), 1, -1});
  return torch::cat({first, patches}, 1) + position_embedding->weight;
}

torch::Tensor ClipVisionImpl::forward(const torch::Tensor& pixels) {
  TORCH_CHECK(pixels.dim() == 4 && pixels.size(1) == 3 && config_.num_tokens(pixels.size(2), pixels.size(3)) > 0,
              "expected pixels [B, 3, H, W] of ", config_.image_sizes(), ", got ", pixels.sizes());
  auto x = runner.run(0, pixels.contiguous(torch::MemoryFormat::ChannelsLast),
                      [this](const torch::Tensor& input) { return embed(input); });
  x = runner.run(1, x, [this](const torch::Tensor& input) { return pre_layrnorm(input); });
  for (size_t i = 0; i < layers->size(); ++i) {
    auto* layer = layers->ptr(i)->as<ClipLayerImpl>();
    x = runner.run(2 + i, x, [layer](const torch::Tensor& input) { return layer->forward(input); });
  }
  return x.slice(1, 1);
}

}  // namespace convllava::model
