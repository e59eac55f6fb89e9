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

// The files of an evaluation. Several ranks write them, and a later run resumes from them:
//
//     predictions.json            identity of the evaluation: benchmark, model, ...
//     predictions.rank<r>.jsonl   answers of rank r of an unfinished run
//     predictions.jsonl           all answers, in the order of the questions

namespace convllava::eval {

/// What answers depend on, as (name, value).
using PredictionIdentity = std::vector<std::pair<std::string, std::string>>;

class PredictionStore {
 public:
  /// Opens or creates the folder, locks it (rank 0) and reads its answers; an incomplete last line is ignored. Throws
  /// ConfigError when the answers belong to another evaluation, another process writes into the folder, or it is not
  /// writable; DataError when the answers are unreadable.
  PredictionStore(std::filesystem::path folder, PredictionIdentity identity, int rank);

  /// Whether the question is answered. An answer with an error does not count: its image may exist now.
  bool has(const std::string& id) const { return known_.contains(id) && known_.at(id).error.empty(); }

  /// Call it after every rank has opened its store, and before the first `append`.
  void start();
  /// Adds to this rank's file. Throws DataError when the disk is full.
  void append(const std::vector<Prediction>& predictions);

  /// Call it on rank 0 after every rank's last `append`: writes predictions.jsonl and removes the parts.
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
