#pragma once

// The order of an epoch. It depends only on the data, the batch size, the seed and the epoch, not on ranks, threads or
// earlier epochs.

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
  /// How often per epoch. Of n items with the same weight, each epoch draws round(fraction * n) more: all epochs have
  /// the same length.
  double weight = 1.0;
};

struct SamplerOptions {
  Grouping grouping = Grouping::kModalityLength;
  int64_t global_batch_size = 1;
  uint64_t seed = 42;
};

/// Dataset indices of epoch `epoch` (0-based) in training order. Step s has
/// [s * global_batch_size, (s + 1) * global_batch_size); the last step may have fewer.
std::vector<int64_t> epoch_order(const std::vector<SamplerItem>& items, const SamplerOptions& options, int64_t epoch);

/// A weight above 0 with so few items that no epoch draws one of them; nothing if there is none.
std::optional<double> weight_without_effect(const std::vector<SamplerItem>& items);

/// The number of indices in `epoch_order`, the same for each epoch.
int64_t epoch_size(const std::vector<SamplerItem>& items);

/// The positions in a global batch of micro-batch `micro` of `rank`. The batch is sorted by length, and consecutive
/// samples belong to different ranks: all ranks have nearly the same work. The micro-batches of all ranks together have
/// each position once.
std::vector<int64_t> micro_batch_members(int64_t batch_size, int64_t micro_batch_size, int rank, int world_size,
                                         int64_t micro);

/// Micro-batches per step, the same for all ranks; some may be empty.
int64_t micro_batches(int64_t batch_size, int64_t micro_batch_size, int world_size);

}  // namespace convllava::data
