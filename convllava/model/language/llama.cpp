#include "convllava/model/language/llama.h"

#include <algorithm>

#include "convllava/nn/head_loss.h"
#include "convllava/nn/init.h"
#include "convllava/nn/libtorch.h"
#include "convllava/nn/rope.h"

namespace convllava::model {
namespace {

/// normal(0, deviation) for matrices, 1 for norms; in the order of the block's parameters.
void initialize(const nn::Block& block, double deviation) {
  for (const auto& item : block.parameters) {
    item.second.dim() == 1 ? nn::fill(item.second, 1) : nn::fill_normal(item.second, deviation);
  }
}

double matrix_elements(const torch::nn::Module& module) {
  double elements = 0;
  for (const auto& parameter : module.parameters()) {
    elements += parameter.dim() == 2 ? static_cast<double>(parameter.numel()) : 0;
  }
  return elements;
}

nn::BlockCost layer_cost(const LanguageConfig& config, const nn::BatchShape& batch, int64_t bytes, double elements,
                         bool trained) {
  const int64_t hidden = config.hidden_size;
  const int64_t keys = config.num_key_value_heads * config.head_dim();
  const int64_t inner = config.intermediate_size;
  double pairs = 0;
  for (const int64_t length : batch.sequences) pairs += static_cast<double>(length) * static_cast<double>(length);
  int64_t numbers = 4 * hidden + 2 * keys + 3 * inner;
  if (trained) numbers += 2 * hidden + inner;
  const int64_t kept = batch.tokens * (numbers * bytes + (2 + config.num_attention_heads) * nn::kFloatBytes);
  // Attention: scores and their product with the values, half of which causal attention needs.
  return {.multiply_adds = static_cast<double>(batch.tokens) * elements,
          .attention = pairs * static_cast<double>(hidden),
          .kept = kept,
          .input = batch.tokens * hidden * bytes,
          .backward_workspace = kept / 2};
}

/// Cross-entropy works on chunks of logits, in fp32 and in the model's type.
nn::BlockCost head_cost(const torch::Tensor& weight, const nn::BatchShape& batch, int64_t bytes) {
  const auto elements = static_cast<double>(weight.numel());
  const int64_t chunk = std::min(nn::kHeadChunkBytes, batch.tokens * weight.size(0) * nn::kFloatBytes);
  const int64_t gradient = weight.requires_grad() ? weight.numel() * nn::kFloatBytes : 0;
  return {.multiply_adds = static_cast<double>(batch.supervised_tokens) * elements,
          .kept = batch.tokens * weight.size(1) * bytes,
          .backward_workspace = gradient + 2 * chunk + 2 * chunk * bytes / nn::kFloatBytes};
}

}  // namespace

LlamaAttentionImpl::LlamaAttentionImpl(const LanguageConfig& config, const torch::TensorOptions& options)
    : head_dim_(config.head_dim()) {
  const int64_t queries = config.num_attention_heads * head_dim_;
  const int64_t keys = config.num_key_value_heads * head_dim_;
  q_proj = register_module("q_proj", nn::Linear(config.hidden_size, queries, /*with_bias=*/false, options));
  k_proj = register_module("k_proj", nn::Linear(config.hidden_size, keys, /*with_bias=*/false, options));
  v_proj = register_module("v_proj", nn::Linear(config.hidden_size, keys, /*with_bias=*/false, options));
  o_proj = register_module("o_proj", nn::Linear(queries, config.hidden_size, /*with_bias=*/false, options));
}

torch::Tensor LlamaAttentionImpl::forward(const torch::Tensor& x, const LlamaInputs& inputs, nn::KvCache* cache,
                                          int64_t layer) {
  const auto split_heads = [&](const torch::Tensor& t) { return t.view({t.size(0), -1, head_dim_}); };
  const auto q = nn::apply_rope(split_heads(q_proj(x)), inputs.cos, inputs.sin);
  const auto k = nn::apply_rope(split_heads(k_proj(x)), inputs.cos, inputs.sin);
  const auto v = split_heads(v_proj(x));
  if (cache) cache->store(layer, k, v);
  const auto out = cache && !cache->empty() ? cache->attend(layer, q) : nn::causal_attention(q, k, v, inputs.layout);
  return o_proj(out.flatten(1));
}

LlamaMlpImpl::LlamaMlpImpl(const LanguageConfig& config, const torch::TensorOptions& options) {
  const int64_t hidden = config.hidden_size;
  const int64_t inner = config.intermediate_size;
  gate_proj = register_module("gate_proj", nn::Linear(hidden, inner, /*with_bias=*/false, options));
  up_proj = register_module("up_proj", nn::Linear(hidden, inner, /*with_bias=*/false, options));
  down_proj = register_module("down_proj", nn::Linear(inner, hidden, /*with_bias=*/false, options));
}

torch::Tensor LlamaMlpImpl::forward(const torch::Tensor& x) { return down_proj(at::silu(gate_proj(x)) * up_proj(x)); }

LlamaDecoderLayerImpl::LlamaDecoderLayerImpl(const LanguageConfig& config, const torch::TensorOptions& options) {
  self_attn = register_module("self_attn", LlamaAttention(config, options));
  mlp = register_module("mlp", LlamaMlp(config, options));
  input_layernorm = register_module("input_layernorm", nn::RmsNorm(config.hidden_size, config.rms_norm_eps, options));
  post_attention_layernorm =
      register_module("post_attention_layernorm", nn::RmsNorm(config.hidden_size, config.rms_norm_eps, options));
}

torch::Tensor LlamaDecoderLayerImpl::forward(const torch::Tensor& x, const LlamaInputs& inputs, nn::KvCache* cache,
                                             int64_t layer) {
  const auto attended = x + self_attn(input_layernorm(x), inputs, cache, layer);
  return attended + mlp(post_attention_layernorm(attended));
}

LlamaImpl::LlamaImpl(LanguageConfig config, const torch::TensorOptions& options) : config_(config) {
  auto model = register_module("model", std::make_shared<torch::nn::Module>());
  embed_tokens =
      model->register_module("embed_tokens", nn::Embedding(config_.vocab_size, config_.hidden_size, options));
  layers = model->register_module("layers", torch::nn::ModuleList());
  for (int64_t i = 0; i < config_.num_hidden_layers; ++i) layers->push_back(LlamaDecoderLayer(config_, options));
  norm = model->register_module("norm", nn::RmsNorm(config_.hidden_size, config_.rms_norm_eps, options));
  if (!config_.tie_word_embeddings) {
    lm_head =
        register_module("lm_head", nn::Linear(config_.hidden_size, config_.vocab_size, /*with_bias=*/false, options));
  }
  add_blocks();
}

void LlamaImpl::add_blocks() {
  const auto add = [this](nn::Block block) {
    block.initialize = [block, deviation = config_.initializer_range] { initialize(block, deviation); };
    runner.add(std::move(block));
  };
  auto embedding = nn::make_block("model.embed_tokens", "llm.embed_tokens", *embed_tokens);
  embedding.used_once = !config_.tie_word_embeddings;
  embedding.weights_in_backward = false;
  add(std::move(embedding));
  for (size_t i = 0; i < layers->size(); ++i) {
    auto* layer = layers->ptr(i).get();
    auto block = nn::make_block("model.layers." + std::to_string(i), "llm.layers." + std::to_string(i), *layer);
    block.used_once = block.recomputable = true;
    block.cost = [config = config_, block, elements = matrix_elements(*layer)](const nn::BatchShape& batch,
                                                                               int64_t bytes) {
      return layer_cost(config, batch, bytes, elements, block.trained());
    };
    add(std::move(block));
  }
  auto last_norm = nn::make_block("model.norm", "llm.norm", *norm);
  last_norm.used_once = true;
  last_norm.cost = [hidden = config_.hidden_size](const nn::BatchShape& batch, int64_t bytes) {
    return nn::BlockCost{.kept = batch.tokens * (hidden * bytes + nn::kFloatBytes)};
  };
  add(std::move(last_norm));

  nn::Block head{.name = "lm_head", .path = lm_head ? "llm.lm_head" : "llm.embed_tokens"};
  head.parameters = {{lm_head ? "lm_head.weight" : "model.embed_tokens.weight", head_weight()}};
  head.used_once = static_cast<bool>(lm_head);
  head.weights_in_backward = false;  // head_cross_entropy makes its gradients in forward
  head.cost = [weight = head_weight()](const nn::BatchShape& batch, int64_t bytes) {
    return head_cost(weight, batch, bytes);
  };
  lm_head ? add(std::move(head)) : runner.add(std::move(head));
}

torch::Tensor LlamaImpl::embed(const torch::Tensor& input_ids) {
  return runner.run(0, input_ids, [this](const torch::Tensor& ids) { return embed_tokens(ids); });
}

torch::Tensor LlamaImpl::hidden_states(const torch::Tensor& embeddings, const torch::Tensor& positions,
                                       const nn::SequenceLayout& layout, nn::KvCache* cache) {
  const auto [cos, sin] = nn::rope_tables(positions, config_.head_dim(), config_.rope_theta);
  const LlamaInputs inputs{cos, sin, layout};
  auto x = embeddings;
  for (size_t i = 0; i < layers->size(); ++i) {
    auto* layer = layers->ptr(i)->as<LlamaDecoderLayerImpl>();
    x = runner.run(1 + i, x, [layer, inputs, cache, i](const torch::Tensor& input) {
      return layer->forward(input, inputs, cache, static_cast<int64_t>(i));
    });
  }
  return runner.run(1 + layers->size(), x, [this](const torch::Tensor& input) { return norm(input); });
}

torch::Tensor LlamaImpl::loss(const torch::Tensor& states, const torch::Tensor& targets, double scale) {
  return runner.run(2 + layers->size(), states, [&](const torch::Tensor& input) {
    return nn::head_cross_entropy(input, head_weight(), targets, scale);
  });
}

nn::KvCache LlamaImpl::make_cache(int64_t sequences, int64_t capacity) const {
  return {config_.num_hidden_layers,
          {config_.num_key_value_heads, config_.head_dim()},
          sequences,
          capacity,
          head_weight().options()};
}

torch::Tensor LlamaImpl::head_weight() const { return lm_head ? lm_head->weight : embed_tokens->weight; }

torch::Tensor LlamaImpl::logits(const torch::Tensor& states) { return at::linear(states, head_weight()); }

}  // namespace convllava::model
