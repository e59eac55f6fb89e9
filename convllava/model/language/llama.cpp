#include "convllava/model/language/llama.h"

#include "convllava/nn/libtorch.h"
#include "convllava/nn/recompute.h"
#include "convllava/nn/rope.h"

namespace convllava::model {

LlamaAttentionImpl::LlamaAttentionImpl(const LlamaConfig& config, const torch::TensorOptions& options)
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

LlamaMlpImpl::LlamaMlpImpl(const LlamaConfig& config, const torch::TensorOptions& options) {
  const int64_t hidden = config.hidden_size;
  const int64_t inner = config.intermediate_size;
  gate_proj = register_module("gate_proj", nn::Linear(hidden, inner, /*with_bias=*/false, options));
  up_proj = register_module("up_proj", nn::Linear(hidden, inner, /*with_bias=*/false, options));
  down_proj = register_module("down_proj", nn::Linear(inner, hidden, /*with_bias=*/false, options));
}

torch::Tensor LlamaMlpImpl::forward(const torch::Tensor& x) { return down_proj(at::silu(gate_proj(x)) * up_proj(x)); }

LlamaDecoderLayerImpl::LlamaDecoderLayerImpl(const LlamaConfig& config, const torch::TensorOptions& options) {
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

LlamaImpl::LlamaImpl(LlamaConfig config, const torch::TensorOptions& options) : config_(config) {
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
}

torch::Tensor LlamaImpl::embed(const torch::Tensor& input_ids) { return embed_tokens(input_ids); }

torch::Tensor LlamaImpl::hidden_states(const torch::Tensor& embeddings, const torch::Tensor& positions,
                                       const nn::SequenceLayout& layout, nn::KvCache* cache) {
  const auto [cos, sin] = nn::rope_tables(positions, config_.head_dim(), config_.rope_theta);
  const LlamaInputs inputs{cos, sin, layout};
  auto x = embeddings;
  int64_t index = 0;
  for (const auto& module : *layers) {
    auto* layer = module->as<LlamaDecoderLayerImpl>();
    if (recompute_ && !cache) {
      const auto block = [layer, inputs](const torch::Tensor& input) {
        return layer->forward(input, inputs, nullptr, 0);
      };
      x = nn::recompute(block, x, layer->parameters());
    } else {
      x = layer->forward(x, inputs, cache, index);
    }
    ++index;
  }
  return norm(x);
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
