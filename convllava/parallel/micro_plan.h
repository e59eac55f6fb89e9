#pragma once

#include <cstdint>

namespace convllava::parallel {

/// What the ranks do in one micro-batch, all of them together: the same on every rank before any of them begins.
struct MicroPlan {
  bool computes = true;      ///< some rank has supervised tokens
  int64_t tower_passes = 1;  ///< the most that a rank runs the tower: once for each shape of its images
  bool backward = true;      ///< some rank computes gradients in it
  bool last = true;          ///< of a step: gradients are complete after it. False where nothing is trained
};

}  // namespace convllava::parallel
