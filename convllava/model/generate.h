#pragma once

#include <functional>
#include <vector>

#include "convllava/model/convllava.h"

// Greedy decoding of a batch of prompts of different lengths.

namespace convllava::model {

/// The most new tokens that a program lets its user ask for; more than any model's context.
inline constexpr int64_t kMaxNewTokens = 1 << 20;

struct GenerateOptions {
  int64_t max_new_tokens = 128;
  bool use_cache = true;  ///< false recomputes the whole prefix for each token: the reference for tests
};

/// Called with (sequence, token id) as soon as a token is chosen; for streaming.
using OnToken = std::function<void(int64_t, int64_t)>;

/// For each sequence of the batch the new tokens, up to and without the end-of-sequence token. Stops a sequence also at
/// max_position_embeddings. Throws CheckpointError when the weights give scores that are not finite.
std::vector<std::vector<int64_t>> generate(ConvLlavaImpl& model, const Batch& prompts, const GenerateOptions& options,
                                           const OnToken& on_token = {});

}  // namespace convllava::model
