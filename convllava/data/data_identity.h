#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "convllava/config/diff.h"

// Compares the data of a run with the data that it was started with.

namespace convllava::data {

/// A set of a configuration.
struct SetIdentity {
  std::string list;         ///< "train" or "validation"
  std::string annotations;  ///< its file
  uint64_t contents = 0;    ///< core::Fingerprint of the file's bytes, and so of the order of the records
  double weight = 1.0;
};

struct DataIdentity {
  std::vector<SetIdentity> sets;
  int64_t records = 0;              ///< of the training sets
  std::vector<int64_t> training;    ///< indices of the training records
  std::vector<int64_t> validation;  ///< indices of the validation records

  /// The text in checkpoints: one line for the records and one for each set.
  ///
  ///     contents 1
  ///     trained on 950 of 1000 records, split 0f1e2d3c4b5a6978
  ///     train 8796a5b4c3d2e1f0 weight 1 train.json
  std::string text() const;
  /// The text in checkpoints of earlier versions, without `contents 1`: numbers of records and sizes of files.
  std::string text_of_sizes() const;
};

/// Whether the text of a checkpoint has fingerprints of the contents; earlier versions wrote sizes only.
bool records_contents(std::string_view saved);

/// The first difference between the text of a checkpoint and the data, as a field of the configuration. The folders of
/// the files are not compared. A text of sizes is compared by sizes.
std::optional<config::ChangedField> changed_data(std::string_view saved, const DataIdentity& data);

}  // namespace convllava::data
