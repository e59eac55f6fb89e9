#include <immintrin.h>

#include "convllava/image/weighted_sum.h"

namespace convllava::image {
namespace {

[[gnu::target("avx2")]] void weighted_sum_avx2(const uint8_t* const* cells, const int32_t* weights, int64_t taps,
                                               int64_t bytes, uint8_t* output) {
  for (int64_t offset = 0; offset < bytes; offset += kSumBlock) {
    __m256i sums[6];
    for (auto& sum : sums) sum = _mm256_set1_epi32(1 << (kWeightBits - 1));
    for (int64_t tap = 0; tap < taps; ++tap) {
      const __m256i weight = _mm256_set1_epi32(weights[tap]);
      for (int i = 0; i < 6; ++i) {
        const __m128i cell = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(cells[tap] + offset + 8 * i));
        sums[i] = _mm256_add_epi32(sums[i], _mm256_mullo_epi32(_mm256_cvtepu8_epi32(cell), weight));
      }
    }
    for (int i = 0; i < 6; i += 2) {
      // Both packs saturate; they work within 128-bit halves, which the permutation puts back in order.
      const __m256i words =
          _mm256_packs_epi32(_mm256_srai_epi32(sums[i], kWeightBits), _mm256_srai_epi32(sums[i + 1], kWeightBits));
      const __m256i ordered = _mm256_permute4x64_epi64(words, 0b11011000);
      const __m128i result = _mm_packus_epi16(_mm256_castsi256_si128(ordered), _mm256_extracti128_si256(ordered, 1));
      _mm_storeu_si128(reinterpret_cast<__m128i*>(output + offset + 8 * i), result);
    }
  }
}

}  // namespace

std::vector<WeightedSum> weighted_sums() {
  if (__builtin_cpu_supports("avx2")) return {weighted_sum_avx2, weighted_sum_portable};
  return {weighted_sum_portable};
}

}  // namespace convllava::image
