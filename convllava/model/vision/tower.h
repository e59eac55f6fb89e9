#pragma once

#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "convllava/image/pixel_stats.h"
#include "convllava/nn/block_runner.h"

// What every vision tower is to the rest of the library. docs/adding/tower.md shows how to add one.

namespace convllava::model {

class VisionConfig;

/// A network that turns images into visual tokens. The paths of its blocks begin with "vision.".
class VisionTower : public nn::BlockModule {
 public:
  /// Normalised pixels [B, 3, H, W] -> visual features [B, N, C], row by row of the image. N is `config().num_tokens`,
  /// C is `config().output_size`.
  virtual torch::Tensor forward(const torch::Tensor& pixels) = 0;
  virtual const VisionConfig& config() const = 0;
};

/// The shape of a vision tower. Each family of towers (ConvNeXt, ...) derives its own.
class VisionConfig {
 public:
  virtual ~VisionConfig() = default;

  /// The family, as config.json names it in `model_type`: "convnext".
  virtual std::string_view model_type() const = 0;
  /// Channels of a visual token.
  virtual int64_t output_size() const = 0;
  /// Visual tokens of an image; 0 for a size that the tower does not take.
  virtual int64_t num_tokens(int64_t height, int64_t width) const = 0;
  /// The sizes that it takes, for messages: "at least 64 pixels on a side".
  virtual std::string image_sizes() const = 0;
  /// The side of its images in pixels, where the tower takes squares of one size only.
  virtual std::optional<int64_t> fixed_image_size() const { return std::nullopt; }
  /// Mean and deviation of the pixels that the tower was trained on.
  virtual image::PixelStats pixel_stats() const { return image::kClipPixels; }

  /// Throws ConfigError when the numbers do not fit together. `where` names the file, or what else has the fields.
  virtual void validate(std::string_view where) const = 0;
  /// The numbers that another tower must share to have the same parameters and the same tokens, as text.
  virtual std::vector<std::pair<std::string, std::string>> shape_numbers() const = 0;
  virtual bool equals(const VisionConfig& other) const = 0;
  /// The network, with uninitialised weights.
  virtual std::shared_ptr<VisionTower> make(const torch::TensorOptions& options) const = 0;

 protected:
  VisionConfig() = default;
  VisionConfig(const VisionConfig&) = default;
  VisionConfig& operator=(const VisionConfig&) = default;
};

/// Null stands for no tower.
using VisionConfigPtr = std::shared_ptr<const VisionConfig>;

}  // namespace convllava::model
