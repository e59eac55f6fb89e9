#pragma once

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "convllava/core/files.h"
#include "convllava/eval/benchmark.h"

// The files of a prediction run, which several ranks write and which a later run takes up again:
//
//     predictions.json            what the answers belong to: benchmark, model, ...
//     predictions.rank<r>.jsonl   answers of rank r of a run that has not come to its end
//     predictions.jsonl           all answers, in the order of the questions

namespace convllava::eval {

/// What answers depend on, as (name, value).
using PredictionIdentity = std::vector<std::pair<std::string, std::string>>;

class PredictionStore {
 public:
  /// Opens or makes the folder, locks it (rank 0) and reads the answers in it; of a line that a killed process did not
  /// finish nothing is kept. Throws ConfigError when they belong to something else, another process writes here
  /// or nobody can; DataError when they cannot be read.
  PredictionStore(std::filesystem::path folder, PredictionIdentity identity, int rank);

  /// Answers that need not be asked for again. Those with an error do: the image may be there now.
  bool has(const std::string& id) const { return known_.contains(id) && known_.at(id).error.empty(); }

  /// To be called when every rank has opened its store; before the first `append`.
  void start();
  /// Adds to this rank's file. Throws DataError when the disk is full.
  void append(const std::vector<Prediction>& predictions);

  /// To be called on rank 0 when every rank has appended its last answer: writes predictions.jsonl, removes the parts.
  std::vector<Prediction> join(const std::vector<Question>& questions);

 private:
  void read_answers();

  std::filesystem::path folder_;
  PredictionIdentity identity_;
  int rank_;
  std::unique_ptr<core::FolderLock> lock_;
  std::unordered_map<std::string, Prediction> known_;
  std::ofstream part_;
};

}  // namespace convllava::eval
