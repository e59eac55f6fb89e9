#pragma once

#include <cstdint>
#include <string>

#include "convllava/model/convllava.h"
#include "convllava/stage/run_config.h"

// Memory and disk space of a stage, by arithmetic on a model that may have no weights.

namespace convllava::stage {

/// What decides the activations of a forward pass.
struct MicroBatchShape {
  int64_t tokens = 0;  ///< of all its samples, visual ones included
  int64_t images = 0;  ///< square ones
  int64_t image_size = 0;
};

/// Bytes on one rank that holds the whole model (level `none`; parallel/level_needs.h has the states of the others). P
/// parameters, of which p are trained; b bytes a number, 2
/// for bf16 and 4 for fp32.
///
/// - weights: b P
/// - gradients: 4 p
/// - optimizer: 8 p, and 4 p for the master weights of bf16
/// - activations: what forward keeps for backward, from the first trained block on. Per token of a LLaMA layer of width
///   d, keys of width k and inner width f: b (4 d + 2 k + 3 f) + 8 + 4 for each head; where the layer is trained b (2 d
///   + f) more; where it is recomputed b d alone. Per position of a ConvNeXt block of C channels: 12 b C + 8,
///   recomputed b C. Down-sampling: 2 b C + 8 per position before it. Projector: b (C + 2 d) per visual token. Final
///   norm and head: 2 b d + 4 per token.
/// - workspace: what is needed on top of these for a moment. While the language model is at work, the larger of
///   cross-entropy (a chunk of at most 128 MiB of fp32 logits, twice in fp32 and twice in the model's type, and 4 bytes
///   for each weight of a trained head) and one layer in backward (half of what it keeps, and all of that where it is
///   recomputed). While the tower is at work, when the language model keeps nothing yet: one block in backward, counted
///   alike, or 9 b C per position of a block that keeps nothing, and 3 b a pixel.
///
/// The tests compare this with what LibTorch allocates. Not counted: libraries, CUDA contexts, communication buffers
/// and fragmentation, 1 to 3 GB on a GPU; images that the loader has prepared, which lie in the memory of the host
/// (`loader_bytes`). A process on a CPU holds half a GB for the libraries and up to twice the rest, because the heap
/// keeps freed blocks of other sizes.
struct MemoryNeeds {
  int64_t weights = 0;
  int64_t gradients = 0;
  int64_t optimizer = 0;
  int64_t activations = 0;
  int64_t workspace = 0;

  int64_t states() const { return weights + gradients + optimizer; }
  int64_t total() const { return states() + activations + workspace; }
};

/// `model` with its trainable set; on the meta device it needs no memory.
MemoryNeeds memory_needs(const model::ConvLlavaImpl& model, const RunConfig& config, const MicroBatchShape& batch);

/// A checkpoint on the disk: b bytes per parameter, 8 per trained one for the optimizer's moments, and 4 more for the
/// master weights of bf16.
int64_t checkpoint_bytes(const model::ConvLlavaImpl& model, const RunConfig& config);

/// Images that wait in the loaders of all ranks together: 3 bytes a pixel, data.prefetch_steps and one more step.
int64_t loader_bytes(const RunConfig& config);

/// The text of a typical sample in `needs_table`, in tokens.
inline constexpr int64_t kTypicalText = 256;

/// For each level of `parallel.shard`, what one of `ranks` holds of the model's states and sends in a step
/// (parallel/level_needs.h), for people. Activations come on top.
std::string levels_table(const model::ConvLlavaImpl& model, const RunConfig& config, int64_t ranks);

/// Memory of one of `ranks` at the run's level, with a typical micro-batch (samples of an image and kTypicalText
/// tokens) and with the largest possible one (samples of data.max_length tokens), of the loader, and disk, for people.
/// Sizes in GB = 10^9 bytes, or MB.
std::string needs_table(const model::ConvLlavaImpl& model, const RunConfig& config, int64_t ranks);

}  // namespace convllava::stage
