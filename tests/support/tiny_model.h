#pragma once

// The shape of the language model in the goldens of scripts/golden/model.py, and a tokenizer for models as small.

#include <string>

#include "convllava/model/model_config.h"
#include "convllava/text/tokenizer.h"

namespace convllava::testing {

inline const std::string kTokenizer = CONVLLAVA_SOURCE_DIR "/tests/golden/text/tokenizer.model";

inline text::Tokenizer small_tokenizer() { return text::Tokenizer::load(kTokenizer); }

/// Two layers of four heads; the vocabulary is smaller than the tokenizer's.
inline model::LlamaConfig tiny_llama(int64_t kv_heads = 2) {
  model::LlamaConfig config;
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
