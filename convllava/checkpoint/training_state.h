#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "convllava/checkpoint/safetensors.h"
#include "convllava/checkpoint/state_source.h"

// `state/` of a checkpoint: what resuming needs beside the weights.

namespace convllava::checkpoint {

/// Of what is written now. The optimizer's states are 3: pieces, see state_files.h; 2: whole, by the names of the
/// parameters; 1: by block, see optim/flat_state.h.
inline constexpr int64_t kStateFormat = 3;

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
};

/// Of the optimizer, as all ranks together hold it.
struct OptimizerOutline {
  std::vector<StatePiece> pieces;  ///< of all parameters, those without elements on this rank included; no values
  int64_t steps = 0;
};

/// Makes `directory`/state, where each of `ranks` then calls `write_state_file`.
void make_state_directory(const std::filesystem::path& directory);
/// Writes its state.json: to be called once, by one rank.
void save_training_state(const std::filesystem::path& directory, const TrainingState& state,
                         const OptimizerOutline& optimizer, int ranks);
/// Everything but the optimizer's states, which may not fit into memory at once. Throws CheckpointError when the state
/// is absent, of a later format, or damaged, as far as visible without the values of tensors.
TrainingState load_training_state(const std::filesystem::path& directory);
/// The optimizer's states of format 2 or 3. Throws as `load_training_state` does.
std::unique_ptr<StateSource> open_states(const std::filesystem::path& directory);
/// The file of the formats before 3. Throws as `load_training_state` does.
SafetensorsFile open_state_tensors(const std::filesystem::path& directory);

}  // namespace convllava::checkpoint
