#pragma once

// Shapes of small models; the language model is that of the goldens of scripts/golden/model.py.

#include <memory>
#include <utility>
#include <vector>

#include "convllava/model/model_config.h"
#include "convllava/model/vision/clip_vit.h"
#include "convllava/model/vision/convnext.h"
#include "tests/support/small_tokenizer.h"

namespace convllava::testing {

/// A tower of these stages.
inline std::shared_ptr<model::ConvNextConfig> convnext(std::vector<int64_t> depths, std::vector<int64_t> hidden_sizes,
                                                       double layer_scale_init_value = 1e-6) {
  auto config = std::make_shared<model::ConvNextConfig>();
  config->depths = std::move(depths);
  config->hidden_sizes = std::move(hidden_sizes);
  config->layer_scale_init_value = layer_scale_init_value;
  return config;
}

/// The tower of scripts/golden/clip_vit.py.
inline model::ClipVisionConfig tiny_clip() {
  model::ClipVisionConfig config;
  config.hidden_size = 16;
  config.intermediate_size = 24;
  config.num_hidden_layers = 3;
  config.num_attention_heads = 2;
  config.image_size = 28;
  return config;
}

/// The tower of a shape, which must be a ConvNeXt.
inline const model::ConvNextConfig& convnext_of(const model::VisionConfigPtr& tower) {
  return dynamic_cast<const model::ConvNextConfig&>(*tower);
}

/// Two layers of four heads; the vocabulary is smaller than the tokenizer's.
inline model::LanguageConfig tiny_llama(int64_t kv_heads = 2) {
  model::LanguageConfig config;
  config.vocab_size = 64;
  config.hidden_size = 32;
  config.intermediate_size = 48;
  config.num_hidden_layers = 2;
  config.num_attention_heads = 4;
  config.num_key_value_heads = kv_heads;
  config.max_position_embeddings = 128;
  return config;
}

}  // namespace convllava::testing
