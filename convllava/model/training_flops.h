#pragma once

#include <vector>

#include "convllava/nn/block.h"

namespace convllava::model {

/// Floating-point operations of training on a batch, two for each multiply-add. A block costs its forward pass once;
/// once more where gradients pass through it to an earlier trainable block; and three times in all where it is trained.
/// Both factors of attention's products are activations: they cost three times wherever gradients pass. Recomputation
/// is not counted, the head only on supervised positions. Divided by time and by the hardware's peak this is the model
/// FLOPs utilisation, MFU (Chowdhery et al., arXiv 2204.02311, appendix B).
class TrainingFlops {
 public:
  /// Of all blocks of a model, in the order of forward; which of them are trained is read once. They may be on the meta
  /// device.
  explicit TrainingFlops(std::vector<nn::Block> blocks);
  double operator()(const nn::BatchShape& batch) const;

 private:
  std::vector<nn::Block> blocks_;
  struct Passes {
    int weights = 1;    ///< factor of products with weights: 1, 2 or 3
    int attention = 1;  ///< 1 or 3
  };
  std::vector<Passes> passes_;
};

}  // namespace convllava::model
