#pragma once

// The order of an epoch. It depends on the data, the batch size, the seed and the epoch, and on nothing else: not on
// ranks, threads or what ran before.

#include <cstdint>
#include <optional>
#include <vector>

namespace convllava::data {

/// `kModalityLength`: LLaVA's `group_by_modality_length`: batches of one modality, of similar lengths, shuffled.
/// `kModality`: batches of one modality, lengths at random. `kNone`: a random permutation.
enum class Grouping { kModalityLength, kModality, kNone };

struct SamplerItem {
  int64_t index = 0;   ///< into the dataset
  int64_t length = 1;  ///< words, >= 1
  bool has_image = false;
  /// Times an epoch. Of n items with one weight, round(fraction * n) are drawn anew each epoch: all epochs are equally
  /// long.
  double weight = 1.0;
};

struct SamplerOptions {
  Grouping grouping = Grouping::kModalityLength;
  int64_t global_batch_size = 1;
  uint64_t seed = 42;
};

/// Dataset indices of epoch `epoch` (0-based) in the order in which they are trained; step s takes
/// [s * global_batch_size, (s + 1) * global_batch_size), the last step what is left.
std::vector<int64_t> epoch_order(const std::vector<SamplerItem>& items, const SamplerOptions& options, int64_t epoch);

/// A weight above 0 whose items are so few that no epoch draws one, if there is such a weight.
std::optional<double> weight_without_effect(const std::vector<SamplerItem>& items);

/// How many indices `epoch_order` gives, in every epoch.
int64_t epoch_size(const std::vector<SamplerItem>& items);

/// Which samples of a global batch belong to micro-batch `micro` of `rank`. The batch is sorted by length within a
/// group, so ranks take turns inside each micro-batch: all of them get work of nearly the same size. Returns positions
/// into the global batch; together the micro-batches of all ranks cover it exactly once.
std::vector<int64_t> micro_batch_members(int64_t batch_size, int64_t micro_batch_size, int rank, int world_size,
                                         int64_t micro);

/// Micro-batches per step that every rank runs for a global batch of this size (a rank may get an empty one).
int64_t micro_batches(int64_t batch_size, int64_t micro_batch_size, int world_size);

}  // namespace convllava::data
