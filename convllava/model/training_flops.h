#pragma once

#include <cstdint>
#include <vector>

#include "convllava/model/convllava.h"

namespace convllava::model {

/// What decides the cost of a batch.
struct BatchShape {
  struct Images {
    int64_t height = 0;  ///< pixels
    int64_t width = 0;
    int64_t count = 0;
  };
  int64_t tokens = 0;  ///< visual ones included
  int64_t visual_tokens = 0;
  int64_t supervised_tokens = 0;
  std::vector<int64_t> sequences;  ///< tokens of each
  std::vector<Images> images;
};

/// Floating-point operations that training on a batch asks for, two a multiply-add: matrix products, convolutions and
/// causal attention. A block costs its forward once; once more where gradients pass through it to an earlier trainable
/// block; and three times in all where it is trained. Recomputation is not counted, the head only on supervised
/// positions. Divided by time and by the hardware's peak this is the model FLOPs utilisation, MFU (Chowdhery et al.,
/// arXiv 2204.02311, appendix B).
class TrainingFlops {
 public:
  /// Reads shapes and `requires_grad` of the parameters; a model on the meta device will do.
  explicit TrainingFlops(const ConvLlavaImpl& model);
  double operator()(const BatchShape& batch) const;

 private:
  /// A block of the tower: multiply-adds at each of its output positions, one for `stride` x `stride` pixels.
  struct VisionBlock {
    int64_t stride;
    double cost;
  };
  double of_picture(int64_t height, int64_t width) const;

  std::vector<VisionBlock> vision_;
  double per_visual_token_ = 0;
  double per_token_ = 0;
  double per_attended_pair_ = 0;
  double per_supervised_token_ = 0;
};

}  // namespace convllava::model
