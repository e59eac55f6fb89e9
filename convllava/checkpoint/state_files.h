#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "convllava/checkpoint/json_object.h"
#include "convllava/checkpoint/safetensors.h"
#include "convllava/checkpoint/state_source.h"

// The optimizer's states of a checkpoint of format 3: from each rank that wrote a file
// `optimizer-0000k-of-0000n.safetensors` with tensors named "<parameter>.<state>@<first element>".

namespace convllava::checkpoint {

/// The part of `pieces` that rank `rank` of `ranks` writes where all have the same: an equal share of each.
std::vector<StatePiece> share_of(const std::vector<StatePiece>& pieces, int rank, int ranks);

/// Writes this rank's file into `directory`/state, which must exist; returns its path in `directory`. Throws
/// CheckpointError.
std::pair<std::filesystem::path, FileChecksum> write_state_file(const std::filesystem::path& directory,
                                                                const std::vector<StatePiece>& pieces, int64_t step,
                                                                int rank, int ranks);

/// Shape and strides of all parameters, names of all states: the value of a field of state.json.
std::string describe_states(const std::vector<StatePiece>& pieces, int64_t optimizer_steps, int ranks);

/// Throws CheckpointError when a file of states is not of this step.
void require_step(const SafetensorsFile& file, const std::filesystem::path& path, int64_t step);

class StateFiles : public StateSource {
 public:
  /// Opens the files that a description names. Throws CheckpointError when one is missing or of another step, or when
  /// its pieces do not cover each state exactly once.
  StateFiles(const std::filesystem::path& directory, const JsonObject& description, int64_t step);

  const std::map<std::string, std::vector<int64_t>>& shapes() const override { return shapes_; }
  int64_t steps() const override { return steps_; }
  void read(const StatePiece& piece) const override;

 private:
  struct Stored {
    int64_t begin;
    int64_t end;
    size_t file;
    std::string name;
  };
  void add_file(const std::filesystem::path& path, int64_t step);
  void check_cover(const std::string& state, int64_t elements) const;
  /// Elements [begin, end) in the order of the file.
  torch::Tensor elements(const std::string& state, int64_t begin, int64_t end) const;

  std::filesystem::path folder_;
  int64_t steps_ = 0;
  std::vector<SafetensorsFile> files_;
  std::map<std::string, std::vector<int64_t>> shapes_;
  std::map<std::string, std::vector<int64_t>> strides_;
  std::map<std::string, std::vector<Stored>> pieces_;  ///< by state, in order
};

}  // namespace convllava::checkpoint
