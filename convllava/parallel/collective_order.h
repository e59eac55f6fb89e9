#pragma once

// Internal: the one order in which all ranks issue the collectives of a micro-batch, whatever each of them computes.

#include <cstddef>
#include <vector>

#include "convllava/parallel/micro_plan.h"
#include "convllava/parallel/shard_options.h"

namespace convllava::parallel {

/// A block as the engine sees it. Units are numbers.
struct BlockUse {
  std::vector<size_t> units;  ///< its parameters, those that it shares with an earlier block included
  bool language = true;       ///< runs for every sample; the others run for images
  bool trained = false;
  bool gathered_in_backward = true;  ///< its backward pass needs its weights
};

struct Collective {
  enum class Kind { kGather, kReduce };
  Kind kind = Kind::kGather;
  size_t index = 0;   ///< of a gather: the block, all of whose units it brings; of a reduction: the unit
  bool keep = false;  ///< of a gather in forward: backward uses it too
};

/// Of blocks in the order of forward.
///
/// Weights are gathered at level `parameters`, for each block in forward and in backward. Gradients are reduced when
/// backward has been through all blocks that use them, one block behind the gathers: G(a) G(b) R(a) G(c) R(b) ...; at
/// levels `none` and `optimizer` only in the last micro-batch of a step, and then those of all units.
std::vector<Collective> collective_order(const std::vector<BlockUse>& blocks, const std::vector<bool>& unit_trained,
                                         Level level, const MicroPlan& plan);

}  // namespace convllava::parallel
