#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "convllava/config/diff.h"

// Whether the data of a run are those that it was started with.

namespace convllava::data {

/// A set of a configuration.
struct SetIdentity {
  std::string list;         ///< "train" or "validation"
  std::string annotations;  ///< its file
  uint64_t contents = 0;    ///< core::Fingerprint of the file's bytes: the order of the records counts
  double weight = 1.0;
};

struct DataIdentity {
  std::vector<SetIdentity> sets;
  int64_t records = 0;              ///< of the training sets
  std::vector<int64_t> training;    ///< those that are trained on
  std::vector<int64_t> validation;  ///< those that are validated on

  /// A line for the records and one for each set, as checkpoints keep it:
  ///
  ///     contents 1
  ///     trained on 950 of 1000 records, split 0f1e2d3c4b5a6978
  ///     train 8796a5b4c3d2e1f0 weight 1 train.json
  std::string text() const;
  /// What a checkpoint without `contents 1` has instead: numbers of records, and sizes of files.
  std::string text_of_sizes() const;
};

/// Whether the text of a checkpoint tells contents; what earlier versions wrote tells sizes only.
bool tells_contents(std::string_view saved);

/// Compares the text of a checkpoint with the data; where the files lie does not count. Text of sizes is compared by
/// sizes. The first difference, named as a field of the configuration.
std::optional<config::ChangedField> changed_data(std::string_view saved, const DataIdentity& data);

}  // namespace convllava::data
