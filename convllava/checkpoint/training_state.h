#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "convllava/checkpoint/safetensors.h"

// `state/` of a checkpoint: what resuming needs beside the weights.

namespace convllava::checkpoint {

inline constexpr const char* kStateDirectory = "state";

/// Of what `save_training_state` writes. 2: the optimizer's state by the names of the parameters; 1: by block, see
/// optim/flat_state.h.
inline constexpr int64_t kStateFormat = 2;

struct TrainingState {
  /// Of the files that it was read from; saving always writes kStateFormat.
  int64_t format = kStateFormat;
  int64_t step = 0;              ///< optimizer steps done
  int64_t skipped_steps = 0;     ///< of these, steps skipped because of non-finite gradients
  int64_t samples = 0;           ///< samples consumed
  int64_t bad_samples = 0;       ///< unusable samples that were drawn
  int64_t idle_steps = 0;        ///< steps whose loss depended on no trainable parameter
  int64_t tokens = 0;            ///< tokens consumed
  int64_t answer_tokens = 0;     ///< of these, supervised
  int64_t cut_samples = 0;       ///< samples that lost a part of their answers to data.max_length
  int64_t cut_tokens = 0;        ///< supervised tokens that they lost
  double seconds = 0;            ///< training time so far
  std::string data_fingerprint;  ///< of the data sets (data/data_identity.h): must be equal on resume
  NamedTensors tensors;          ///< optim::Optimizer::state
};

/// Writes `directory`/state (state.json, tensors.safetensors).
void save_training_state(const std::filesystem::path& directory, const TrainingState& state);
/// Everything but the tensors, which may not fit into memory at once. Throws CheckpointError when the state is absent,
/// of a later format, or damaged, as far as visible without the tensors' values.
TrainingState load_training_state(const std::filesystem::path& directory);
/// The tensors, to be read one by one. Throws as `load_training_state` does.
SafetensorsFile open_state_tensors(const std::filesystem::path& directory);

}  // namespace convllava::checkpoint
