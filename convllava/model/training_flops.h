#pragma once

#include <vector>

#include "convllava/nn/block.h"

namespace convllava::model {

/// Floating-point operations of training on a batch, two for each multiply-add. A block costs its forward
/// pass once; once more where gradients pass through it to an earlier trainable block; and three times in all where it
/// is trained. Recomputation is not counted, the head only on supervised positions. Divided by time and by the
/// hardware's peak this is the model FLOPs utilisation, MFU (Chowdhery et al., arXiv 2204.02311, appendix B).
class TrainingFlops {
 public:
  /// Of all blocks of a model, in the order of forward; which of them are trained is read once. They may be on the meta
  /// device.
  explicit TrainingFlops(std::vector<nn::Block> blocks);
  double operator()(const nn::BatchShape& batch) const;

 private:
  std::vector<nn::Block> blocks_;
  std::vector<int> passes_;  ///< factor of each block's forward cost: 1, 2 or 3
};

}  // namespace convllava::model
