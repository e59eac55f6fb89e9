#pragma once

// Shapes of the model's parts, with Hugging Face's field names (ConvNextConfig, LlamaConfig, LLaVA's `mm_*`).

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "convllava/config/fields.h"

namespace convllava::model {

/// ConvNeXt with any number of stages; the paper's "ConvNeXt with a fifth stage" has five.
struct VisionConfig {
  /// Beyond this the strides of the stages multiply to more than any image has pixels.
  static constexpr int64_t kMostStages = 12;

  std::vector<int64_t> depths = {3, 3, 27, 3, 6};                   ///< blocks per stage
  std::vector<int64_t> hidden_sizes = {192, 384, 768, 1536, 3072};  ///< channels per stage
  int64_t patch_size = 4;                                           ///< kernel and stride of the stem
  double layer_scale_init_value = 1e-6;
  double layer_norm_eps = 1e-6;  ///< the one in use; config.json's 1e-12 belongs to a layer that is never called

  int64_t num_stages() const { return static_cast<int64_t>(depths.size()); }
  /// Pixels per visual token along one side: patch_size * 2^(stages - 1).
  int64_t total_stride() const { return patch_size << (num_stages() - 1); }
  /// Visual tokens of an image: floor(H / stride) * floor(W / stride).
  int64_t num_tokens(int64_t height, int64_t width) const {
    return (height / total_stride()) * (width / total_stride());
  }
  bool operator==(const VisionConfig&) const = default;
};

/// LLaMA. Defaults are LLaMA-2-7B / Vicuna-7B-v1.5.
struct LlamaConfig {
  int64_t vocab_size = 32000;
  int64_t hidden_size = 4096;
  int64_t intermediate_size = 11008;
  int64_t num_hidden_layers = 32;
  int64_t num_attention_heads = 32;
  int64_t num_key_value_heads = 32;
  int64_t max_position_embeddings = 4096;
  double rms_norm_eps = 1e-5;
  double rope_theta = 10000.0;
  double initializer_range = 0.02;
  bool tie_word_embeddings = false;
  std::optional<int64_t> bos_token_id = 1;
  std::vector<int64_t> eos_token_id = {2};  ///< generation ends at any of them; empty: at none
  std::optional<int64_t> pad_token_id = 0;

  int64_t head_dim() const { return hidden_size / num_attention_heads; }
  bool operator==(const LlamaConfig&) const = default;
};

/// Vision tower -> MLP projector (mlp2x_gelu: Linear, exact GELU, Linear) -> LLaMA.
struct ModelConfig {
  VisionConfig vision;
  LlamaConfig llm;
  bool operator==(const ModelConfig&) const = default;
};

/// "convllava-7b" (the paper's), "small" and "tiny" (train on a CPU). Throws ConfigError with the names.
ModelConfig named_model_config(std::string_view name);
const std::vector<std::string>& model_size_names();

/// Throws ConfigError when the numbers do not fit together (lists of different length, heads that do not divide, ...).
void validate(const ModelConfig& config, std::string_view where);

}  // namespace convllava::model
