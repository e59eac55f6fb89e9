#pragma once

#include <filesystem>
#include <functional>
#include <vector>

#include "convllava/checkpoint/checksums.h"
#include "convllava/checkpoint/safetensors.h"
#include "convllava/train/training.h"

// The files of a checkpoint, from the ranks that hold what is in them.

namespace convllava::train {

/// What the format of the checkpoint decides.
struct ModelWriter {
  /// At least this many files of weights.
  std::function<std::vector<checkpoint::WeightsFile>(int64_t files)> plan;
  /// Writes everything but these files and `state/`, for the run's present step.
  std::function<void(const std::filesystem::path& directory, const std::vector<checkpoint::WeightsFile>& plan)> write;
};

/// One of `ranks` that write a checkpoint together; each has all of the states at level `none`, and a part of them at
/// the others. A single writer needs all of them.
struct Writer {
  int rank = 0;
  int ranks = 1;
};

/// Writes this rank's files into `directory`, which others may write into too: every `ranks`-th file of weights, its
/// part of the optimizer's states; the first rank also state.json. Weights are gathered one unit after the other.
/// Collective.
checkpoint::Checksums write_own_files(Training& training, const std::filesystem::path& directory,
                                      const std::vector<checkpoint::WeightsFile>& plan, const Writer& writer);

/// Writes checksums.json of a directory in which all files are. `known`: of the files that need not be read again.
void write_checksums(const std::filesystem::path& directory, checkpoint::Checksums known);

}  // namespace convllava::train
