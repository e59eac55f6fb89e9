#pragma once

// Mean and deviation of the pixels that CLIP's towers were trained on.

#include <array>
#include <cstdint>

namespace convllava::image {

using Color = std::array<uint8_t, 3>;

/// CLIP's constants: (byte * scale - mean) / std. `Written`: as in its preprocessor_config.json; the floats are used in
/// computation. The padding colour is int(mean * 255), as in LLaVA.
inline constexpr double kClipScale = 0.00392156862745098;
inline constexpr std::array<double, 3> kClipMeanWritten = {0.48145466, 0.4578275, 0.40821073};
inline constexpr std::array<double, 3> kClipStdWritten = {0.26862954, 0.26130258, 0.27577711};
constexpr std::array<float, 3> to_floats(const std::array<double, 3>& values) {
  return {static_cast<float>(values[0]), static_cast<float>(values[1]), static_cast<float>(values[2])};
}
inline constexpr std::array<float, 3> kClipMean = to_floats(kClipMeanWritten);
inline constexpr std::array<float, 3> kClipStd = to_floats(kClipStdWritten);
inline constexpr Color kClipPadColor = {122, 116, 104};

}  // namespace convllava::image
