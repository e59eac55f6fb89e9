#pragma once

#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/pimpl.h>

#include "convllava/model/language/language_model.h"
#include "convllava/nn/linear.h"
#include "convllava/nn/norm.h"

// LLaMA (Touvron et al., arXiv 2307.09288) with the parameter names and semantics of transformers' `LlamaForCausalLM`,
// on packed sequences: T tokens of S sequences laid end to end.

namespace convllava::model {

/// What the layers share of a batch.
struct LlamaInputs {
  torch::Tensor cos;  ///< [T, head_dim] fp32
  torch::Tensor sin;  ///< [T, head_dim] fp32
  nn::SequenceLayout layout;
};

class LlamaAttentionImpl : public torch::nn::Module {
 public:
  LlamaAttentionImpl(const LanguageConfig& config, const torch::TensorOptions& options);
  /// x: [T, hidden] -> [T, hidden]. With a cache, keys and values are stored at `layer` of it, and, when decoding, read
  /// from it.
  torch::Tensor forward(const torch::Tensor& x, const LlamaInputs& inputs, nn::KvCache* cache, int64_t layer);

  nn::Linear q_proj{nullptr};
  nn::Linear k_proj{nullptr};
  nn::Linear v_proj{nullptr};
  nn::Linear o_proj{nullptr};

 private:
  int64_t head_dim_;
};
TORCH_MODULE(LlamaAttention);

/// down(silu(gate(x)) * up(x)).
class LlamaMlpImpl : public torch::nn::Module {
 public:
  LlamaMlpImpl(const LanguageConfig& config, const torch::TensorOptions& options);
  torch::Tensor forward(const torch::Tensor& x);

  nn::Linear gate_proj{nullptr};
  nn::Linear up_proj{nullptr};
  nn::Linear down_proj{nullptr};
};
TORCH_MODULE(LlamaMlp);

class LlamaDecoderLayerImpl : public torch::nn::Module {
 public:
  LlamaDecoderLayerImpl(const LanguageConfig& config, const torch::TensorOptions& options);
  torch::Tensor forward(const torch::Tensor& x, const LlamaInputs& inputs, nn::KvCache* cache, int64_t layer);

  LlamaAttention self_attn{nullptr};
  LlamaMlp mlp{nullptr};
  nn::RmsNorm input_layernorm{nullptr};
  nn::RmsNorm post_attention_layernorm{nullptr};
};
TORCH_MODULE(LlamaDecoderLayer);

/// Registered names: model.embed_tokens, model.layers.i, model.norm, lm_head. Its blocks: llm.embed_tokens,
/// llm.layers.i, llm.norm, llm.lm_head; a tied head is a second block llm.embed_tokens. Fresh weights: normal(0,
/// initializer_range) for linear layers and embeddings, norms 1 (transformers' `LlamaPreTrainedModel`).
class LlamaImpl : public LanguageModel {
 public:
  explicit LlamaImpl(LanguageConfig config, const torch::TensorOptions& options = {});

  torch::Tensor embed(const torch::Tensor& input_ids) override;
  torch::Tensor hidden_states(const torch::Tensor& embeddings, const torch::Tensor& positions,
                              const nn::SequenceLayout& layout, nn::KvCache* cache = nullptr) override;
  torch::Tensor loss(const torch::Tensor& states, const torch::Tensor& targets, double scale) override;
  torch::Tensor logits(const torch::Tensor& states) override;
  torch::Tensor head_weight() const override;
  nn::KvCache make_cache(int64_t sequences, int64_t capacity) const override;
  const LanguageConfig& config() const override { return config_; }

  nn::Embedding embed_tokens{nullptr};
  torch::nn::ModuleList layers;  ///< of LlamaDecoderLayer
  nn::RmsNorm norm{nullptr};
  nn::Linear lm_head{nullptr};  ///< null when tied to the embedding

 private:
  void add_blocks();
  LanguageConfig config_;
};
TORCH_MODULE(Llama);

}  // namespace convllava::model
