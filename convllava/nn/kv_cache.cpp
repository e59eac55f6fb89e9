#include "convllava/nn/kv_cache.h"

#include <algorithm>
#include <numeric>

#include "convllava/core/error.h"
#include "convllava/nn/libtorch.h"

namespace convllava::nn {

KvCache::KvCache(int64_t layers, Heads heads, int64_t sequences, int64_t capacity, const torch::TensorOptions& options)
    : lengths_(sequences, 0), capacity_(capacity) {
  for (int64_t i = 0; i < layers; ++i) {
    // Zeros, not uninitialised memory: a masked NaN would still poison the weighted sum.
    keys_.push_back(torch::zeros({sequences, capacity, heads.count, heads.width}, options));
    values_.push_back(torch::zeros_like(keys_.back()));
  }
}

void KvCache::begin(const std::vector<int64_t>& new_tokens) {
  const auto sequences = static_cast<int64_t>(lengths_.size());
  TORCH_INTERNAL_ASSERT(static_cast<int64_t>(new_tokens.size()) == sequences);
  std::vector<int64_t> positions;
  std::vector<int64_t> rows;
  std::vector<int64_t> seen;
  for (int64_t s = 0; s < sequences; ++s) {
    seen.push_back(lengths_[s] + new_tokens[s]);
    if (seen.back() > capacity_) {
      throw Error("KvCache", "a sequence does not fit", std::to_string(seen.back()) + " tokens",
                  "at most " + std::to_string(capacity_));
    }
    for (int64_t p = lengths_[s]; p < seen.back(); ++p) {
      positions.push_back(p);
      rows.push_back(s * capacity_ + p);
    }
  }
  const auto device = keys_.front().device();
  pending_ = new_tokens;
  positions_ = torch::tensor(positions, torch::kLong).to(device);
  rows_ = torch::tensor(rows, torch::kLong).to(device);
  const int64_t longest = *std::max_element(seen.begin(), seen.end());
  mask_ = torch::arange(longest).unsqueeze(0).lt(torch::tensor(seen, torch::kLong).unsqueeze(1));
  mask_ = mask_.view({sequences, 1, 1, longest}).to(device);
}

void KvCache::store(int64_t layer, const torch::Tensor& k, const torch::Tensor& v) {
  keys_[layer].flatten(0, 1).index_copy_(0, rows_, k);
  values_[layer].flatten(0, 1).index_copy_(0, rows_, v);
}

torch::Tensor KvCache::attend(int64_t layer, const torch::Tensor& q) const {
  const int64_t longest = mask_.size(3);
  const int64_t repeat = q.size(1) / keys_[layer].size(2);
  const auto seen = [&](const torch::Tensor& cached) {
    const auto tokens = cached.narrow(1, 0, longest).transpose(1, 2);
    return repeat == 1 ? tokens : tokens.repeat_interleave(repeat, 1);  // even of 1 that would be a copy
  };
  return at::scaled_dot_product_attention(q.unsqueeze(2), seen(keys_[layer]), seen(values_[layer]), mask_).squeeze(2);
}

void KvCache::end() {
  for (size_t s = 0; s < lengths_.size(); ++s) lengths_[s] += pending_[s];
}

bool KvCache::empty() const { return std::accumulate(lengths_.begin(), lengths_.end(), int64_t{0}) == 0; }

void KvCache::select(const std::vector<int64_t>& sequences) {
  const auto rows = torch::tensor(sequences, torch::kLong).to(keys_.front().device());
  for (auto& cached : keys_) cached = cached.index_select(0, rows);
  for (auto& cached : values_) cached = cached.index_select(0, rows);
  std::vector<int64_t> kept;
  for (const int64_t s : sequences) kept.push_back(lengths_[s]);
  lengths_ = std::move(kept);
}

}  // namespace convllava::nn
