#pragma once

// Random numbers that are the same on every platform and standard library: the data order of a run is part of its
// result.

#include <cstdint>
#include <vector>

namespace convllava::core {

/// SplitMix64 (Steele, Lea, Flood 2014): a 64-bit state, one multiply-xor chain a number.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  /// A generator for one purpose of one seed: streams with different keys do not overlap in practice.
  Random(uint64_t seed, uint64_t stream);

  uint64_t next();
  /// Uniform in [0, bound), bound >= 1, without modulo bias.
  uint64_t below(uint64_t bound);
  /// Uniform in [0, 1).
  double uniform();
  /// Uniform in [low, high], both included; low <= high, fewer than 2^64 values.
  int64_t between(int64_t low, int64_t high);

 private:
  uint64_t state_;
};

/// 0..size-1 in a random order (Fisher-Yates).
std::vector<int64_t> random_permutation(int64_t size, Random& random);

}  // namespace convllava::core
