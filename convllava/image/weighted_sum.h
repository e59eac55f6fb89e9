#pragma once

// The inner loop of resample.cpp, in versions for several instruction sets. All give the same bytes.

#include <cstdint>
#include <vector>

namespace convllava::image {

/// Weights are integers in 1 / 2^22.
inline constexpr int kWeightBits = 22;

/// A kernel works on blocks of this many bytes.
inline constexpr int64_t kSumBlock = 48;

/// output[i] = sum over taps of weights[tap] * cells[tap][i], rounded half up, shifted and clamped to a byte as Pillow
/// does, for i in [0, bytes); `bytes` is a multiple of kSumBlock.
///
/// 32-bit sums are wide enough: the weights of a bicubic output sum to 1 and their absolute values to less than 1.5
/// (1.29 is the largest over all sizes up to 200), and 1.5 * 2^22 * 255 + 2^21 < 2^31. Partial sums are smaller still.
using WeightedSum = void (*)(const uint8_t* const* cells, const int32_t* weights, int64_t taps, int64_t bytes,
                             uint8_t* output);

/// Plain C++.
void weighted_sum_portable(const uint8_t* const* cells, const int32_t* weights, int64_t taps, int64_t bytes,
                           uint8_t* output);

/// The versions for this processor, the fastest first, `weighted_sum_portable` last.
std::vector<WeightedSum> weighted_sums();

}  // namespace convllava::image
