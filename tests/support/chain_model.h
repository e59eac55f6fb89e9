#pragma once

// Models whose next token depends on the last one alone, so that a test says what they answer.

#include <string>
#include <vector>

#include "convllava/model/convllava.h"
#include "convllava/nn/libtorch.h"
#include "tests/support/tiny_model.h"

namespace convllava::testing {

/// Tokens of `kTokenizer`, which has 600.
namespace tokens {
inline constexpr int64_t kEnd = 2;
inline constexpr int64_t kLineBreak = 3 + '\n';
inline constexpr int64_t kA = 273;      // " a"
inline constexpr int64_t kRed = 293;    // " re"
inline constexpr int64_t kDog = 276;    // " d"
inline constexpr int64_t kImage = 451;  // "image"
inline constexpr int64_t kColon = 539;  // with which every prompt of a chat ends
inline constexpr int64_t kSlash = 579;
inline constexpr int64_t kLess = 581;
inline constexpr int64_t kGreater = 582;
inline constexpr int64_t kS = 524;
}  // namespace tokens

/// No attention, no MLP, embeddings that are unit vectors: behind `chain[i]` comes `chain[i + 1]`, behind the last the
/// first, and behind every other token the last. With a tower, every visual token acts as `chain[0]`.
inline model::ConvLlava chain_model(const std::vector<int64_t>& chain, bool sees = false,
                                    const std::vector<int64_t>& eos = {tokens::kEnd}, int64_t context = 1024,
                                    int64_t vocab_size = 600) {
  model::ModelConfig config;
  if (sees) config.vision = convnext({1, 1, 1, 1, 1}, {4, 4, 4, 4, 4});
  config.llm = tiny_llama();
  config.llm.vocab_size = vocab_size;
  config.llm.hidden_size = vocab_size;
  config.llm.intermediate_size = 4;
  config.llm.num_hidden_layers = 1;
  config.llm.num_attention_heads = 2;
  config.llm.max_position_embeddings = context;
  config.llm.eos_token_id = eos;
  model::ConvLlava model(config);
  const torch::NoGradGuard no_grad;
  for (auto& parameter : model->parameters()) parameter.zero_();
  for (auto& item : model->named_parameters()) {
    if (item.key().find("norm.weight") != std::string::npos) item.value().fill_(1);
  }
  const auto parameters = model->named_parameters();
  parameters["llm.model.embed_tokens.weight"].copy_(torch::eye(vocab_size));
  auto head = parameters["llm.lm_head.weight"];
  head[chain.back()].fill_(1);
  for (size_t i = 0; i < chain.size(); ++i) {
    head.select(1, chain[i]).zero_();
    head[chain[(i + 1) % chain.size()]][chain[i]] = 1;
  }
  if (sees) parameters["mm_projector.2.bias"][chain.front()] = 1;
  model->eval();
  return model;
}

/// Prompts of token ids [T], without images.
inline model::Batch batch_of(const std::vector<torch::Tensor>& prompts) {
  model::Batch batch;
  std::vector<torch::Tensor> positions;
  batch.cu_seqlens = {0};
  for (const auto& prompt : prompts) {
    positions.push_back(torch::arange(prompt.size(0)));
    batch.cu_seqlens.push_back(batch.cu_seqlens.back() + prompt.size(0));
  }
  batch.input_ids = torch::cat(prompts);
  batch.position_ids = torch::cat(positions);
  return batch;
}

}  // namespace convllava::testing
