#pragma once

// Shapes of the model's parts, with Hugging Face's field names.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "convllava/model/vision/tower.h"

namespace convllava::model {

/// A decoder-only language model. Defaults are LLaMA-2-7B / Vicuna-7B-v1.5.
struct LanguageConfig {
  std::string model_type = "llama";  ///< its family (language_families)
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
  bool operator==(const LanguageConfig&) const = default;
};

/// Vision tower -> connector -> language model.
struct ModelConfig {
  VisionConfigPtr vision;                     ///< null for a language model alone
  std::string projector_type = "mlp2x_gelu";  ///< LLaVA's `mm_projector_type` (connectors)
  LanguageConfig llm;

  /// The tower's shape. Throws DataError for a language model alone.
  const VisionConfig& tower() const;
  bool operator==(const ModelConfig& other) const;
};

/// "convllava-7b" (the paper's), "small" and "tiny" (train on a CPU). Throws ConfigError with the names.
ModelConfig named_model_config(std::string_view name);
const std::vector<std::string>& model_size_names();

/// Throw ConfigError when the numbers do not fit together (lists of different length, heads that do not divide, ...),
/// or when a model has no vision tower. `where` names the file.
void validate(const LanguageConfig& llm, std::string_view where);
void validate(const ModelConfig& config, std::string_view where);

}  // namespace convllava::model
