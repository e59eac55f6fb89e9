#include "convllava/image/weighted_sum.h"

#include <algorithm>

namespace convllava::image {

void weighted_sum_portable(const uint8_t* const* cells, const int32_t* weights, int64_t taps, int64_t bytes,
                           uint8_t* output) {
  for (int64_t offset = 0; offset < bytes; offset += kSumBlock) {
    int32_t sums[kSumBlock];
    std::fill_n(sums, kSumBlock, 1 << (kWeightBits - 1));
    for (int64_t tap = 0; tap < taps; ++tap) {
      const uint8_t* cell = cells[tap] + offset;
      for (int64_t i = 0; i < kSumBlock; ++i) sums[i] += cell[i] * weights[tap];
    }
    for (int64_t i = 0; i < kSumBlock; ++i) {
      output[offset + i] = static_cast<uint8_t>(std::clamp(sums[i] >> kWeightBits, 0, 255));
    }
  }
}

}  // namespace convllava::image
