#pragma once

#include <functional>
#include <vector>

#include "convllava/model/convllava.h"

// Greedy decoding of a batch of prompts of different lengths.

namespace convllava::infer {

/// The most new tokens that a program lets its user ask for; more than any model's context.
inline constexpr int64_t kMaxNewTokens = 1 << 20;

struct GenerateOptions {
  int64_t max_new_tokens = 128;
  std::vector<int64_t> end_tokens = {};  ///< beside the model's own eos_token_id; a tokenizer's, for example
  bool use_cache = true;                 ///< false recomputes the whole prefix for each token: the reference for tests
};

/// Why a sequence ended.
enum class Finish {
  kEnd,           ///< the model chose an end token, or the caller saw the end in what came before
  kTokenLimit,    ///< max_new_tokens are there
  kContextLimit,  ///< prompt and answer fill the model's max_position_embeddings
};

struct Generated {
  std::vector<int64_t> tokens;  ///< the new ones, without the end token
  Finish finish = Finish::kEnd;
};

/// Called with (sequence, token id) as soon as a token is chosen, but not with an end token; false ends the sequence.
using OnToken = std::function<bool(int64_t, int64_t)>;

/// What follows each sequence of the batch, which others do not influence: one may end before another. Throws
/// CheckpointError when the weights give scores that are not finite.
std::vector<Generated> generate(model::ConvLlavaImpl& model, const model::Batch& prompts,
                                const GenerateOptions& options, const OnToken& on_token = {});

}  // namespace convllava::infer
