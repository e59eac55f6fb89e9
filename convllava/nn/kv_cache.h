#pragma once

#include <torch/types.h>

#include <vector>

// Keys and values of sequences of different lengths, one row a sequence.

namespace convllava::nn {

/// Sequence b holds its tokens at positions 0..lengths[b]-1 of row b; there is no padding on the left.
/// A forward pass is either a prefill of whole packed sequences (all lengths 0) or one new token per sequence.
class KvCache {
 public:
  /// What one layer keeps of a token.
  struct Heads {
    int64_t count = 0;  ///< of keys and values
    int64_t width = 0;
  };
  KvCache(int64_t layers, Heads heads, int64_t sequences, int64_t capacity, const torch::TensorOptions& options);

  /// Before the layers run: how many tokens each sequence gets ([S], host). Throws Error when they exceed the capacity.
  void begin(const std::vector<int64_t>& new_tokens);
  /// Stores k and v [T, kv_heads, D] of packed new tokens at `layer`.
  void store(int64_t layer, const torch::Tensor& k, const torch::Tensor& v);
  /// Attention of one query per sequence [S, heads, D] over everything stored at `layer`.
  torch::Tensor attend(int64_t layer, const torch::Tensor& q) const;
  /// After the layers ran: the new tokens count as seen.
  void end();

  bool empty() const;
  const std::vector<int64_t>& lengths() const { return lengths_; }
  int64_t capacity() const { return capacity_; }
  /// Positions [T] of the tokens announced by `begin`.
  const torch::Tensor& positions() const { return positions_; }
  /// Keeps only these sequences, in this order.
  void select(const std::vector<int64_t>& sequences);

 private:
  std::vector<torch::Tensor> keys_;    ///< per layer [S, capacity, kv_heads, D]
  std::vector<torch::Tensor> values_;  ///< per layer [S, capacity, kv_heads, D]
  std::vector<int64_t> lengths_;
  std::vector<int64_t> pending_;
  torch::Tensor positions_;
  torch::Tensor rows_;  ///< [T] row * capacity + position of each new token
  torch::Tensor mask_;  ///< [S, 1, 1, longest] bool, what a decoding step may see
  int64_t capacity_;
};

}  // namespace convllava::nn
