#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "convllava/data/data_identity.h"
#include "convllava/data/dataset.h"

// The training and validation samples of a run.

namespace convllava::data {

/// The sets of a run (section `data`).
struct MixtureOptions {
  std::string root;  ///< relative annotation and image paths start here
  std::vector<DataSource> train;
  std::vector<DataSource> validation;
  double validation_share = 0.0;  ///< share of the training sets for validation if `validation` is empty

  /// `root`/`path`, or `path` if it is absolute or `root` is empty.
  std::string resolve(const std::string& path) const;
  void visit_fields(config::FieldVisitor& visitor);
};

/// A data set and the indices of the selected records.
struct DataSelection {
  std::shared_ptr<const Dataset> dataset;  ///< null without validation
  std::vector<int64_t> members;
};

struct Mixture {
  DataSelection train;
  DataSelection validation;
  DataIdentity identity;  ///< must be equal on resume
};

/// Opens all annotation files. Throws DataError if a file cannot be used or no training record is left. Unusable
/// records are errors later, in Dataset::sample; Dataset::bad_records lists them.
Mixture open_mixture(const MixtureOptions& mixture, const SampleOptions& samples, const text::Tokenizer& tokenizer,
                     uint64_t seed);

}  // namespace convllava::data
