#pragma once

// Mean and deviation of the pixels that a vision tower was trained on.

#include <array>
#include <cstdint>

namespace convllava::image {

using Color = std::array<uint8_t, 3>;

/// The scale of preprocessor_config.json: (byte * scale - mean) / std.
inline constexpr double kPixelScale = 0.00392156862745098;

/// Red, green, blue, as preprocessor_config.json writes them.
struct PixelStats {
  std::array<double, 3> mean = {};
  std::array<double, 3> std = {};

  /// int(mean * 255), as in LLaVA.
  constexpr Color pad_color() const {
    return {static_cast<uint8_t>(mean[0] * 255), static_cast<uint8_t>(mean[1] * 255),
            static_cast<uint8_t>(mean[2] * 255)};
  }
  bool operator==(const PixelStats&) const = default;
};

/// CLIP's towers, the paper's ConvNeXt among them.
inline constexpr PixelStats kClipPixels = {{0.48145466, 0.4578275, 0.40821073}, {0.26862954, 0.26130258, 0.27577711}};

}  // namespace convllava::image
