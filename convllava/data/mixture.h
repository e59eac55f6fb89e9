#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "convllava/data/data_identity.h"
#include "convllava/data/dataset.h"

// The training and validation samples of a run.

namespace convllava::data {

/// Which sets a run reads (section `data`).
struct MixtureOptions {
  std::string root;  ///< relative annotation and image paths start here
  std::vector<DataSource> train;
  std::vector<DataSource> validation;
  double validation_share = 0.0;  ///< split off the training sets when `validation` is empty

  /// `path` as it is when absolute or when `root` is empty, else below `root`.
  std::string resolve(const std::string& path) const;
  void visit_fields(config::FieldVisitor& visitor);
};

/// A data set and the indices of its records to use.
struct DataSelection {
  std::shared_ptr<const Dataset> dataset;  ///< null when there is none
  std::vector<int64_t> members;
};

struct Mixture {
  DataSelection train;
  DataSelection validation;
  DataIdentity identity;  ///< equal where a run is resumed
};

/// Opens every annotation file. Throws DataError when one cannot be used or there is nothing to train on. Records that
/// cannot be used show when they are drawn, and in Dataset::bad_records.
Mixture open_mixture(const MixtureOptions& mixture, const SampleOptions& samples, const text::Tokenizer& tokenizer,
                     uint64_t seed);

}  // namespace convllava::data
