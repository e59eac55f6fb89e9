#pragma once

#include <torch/types.h>

#include <memory>
#include <string_view>
#include <vector>

#include "convllava/model/model_config.h"
#include "convllava/nn/attention.h"
#include "convllava/nn/block_runner.h"
#include "convllava/nn/kv_cache.h"

// What every language model is to the rest of the library: a decoder on packed sequences, T tokens of S sequences laid
// end to end.

namespace convllava::model {

/// The paths of its blocks begin with "llm.", its parameters have the names that transformers gives them.
class LanguageModel : public nn::BlockModule {
 public:
  /// Token ids [T] -> embeddings [T, hidden].
  virtual torch::Tensor embed(const torch::Tensor& input_ids) = 0;
  /// Embeddings [T, hidden] of packed sequences -> final normalised states [T, hidden]. `positions` [T] int64. A cache
  /// keeps the keys and values; when decoding, they are read from it.
  virtual torch::Tensor hidden_states(const torch::Tensor& embeddings, const torch::Tensor& positions,
                                      const nn::SequenceLayout& layout, nn::KvCache* cache = nullptr) = 0;
  /// `scale` * sum of cross-entropies of states [R, hidden] and their targets [R] int64: scalar fp32.
  virtual torch::Tensor loss(const torch::Tensor& states, const torch::Tensor& targets, double scale) = 0;
  /// States [R, hidden] -> logits [R, vocab] in the model's type.
  virtual torch::Tensor logits(const torch::Tensor& states) = 0;
  /// [vocab, hidden]: the head's weight, or the embedding's when they are tied.
  virtual torch::Tensor head_weight() const = 0;
  /// For sequences of at most `capacity` tokens, on the device and in the type of the weights.
  virtual nn::KvCache make_cache(int64_t sequences, int64_t capacity) const = 0;

  virtual const LanguageConfig& config() const = 0;
};

/// A family of language models; a new one is a row of `language_families`.
struct LanguageFamily {
  std::string_view name;  ///< `model_type` of config.json: "llama"
  /// The network, with uninitialised weights.
  std::shared_ptr<LanguageModel> (*make)(const LanguageConfig& config, const torch::TensorOptions& options);
};
const std::vector<LanguageFamily>& language_families();

/// Of the family `config.model_type`. Throws ConfigError for another name.
std::shared_ptr<LanguageModel> make_language_model(const LanguageConfig& config, const torch::TensorOptions& options);

}  // namespace convllava::model
