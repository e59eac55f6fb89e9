#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "convllava/config/train_config.h"
#include "convllava/core/error.h"
#include "convllava/data/dataset.h"
#include "convllava/data/loader.h"
#include "convllava/train/data_identity.h"

// The training and validation samples of a run.

namespace convllava::train {

/// A data set and the indices of its records to use.
struct DataSelection {
  std::shared_ptr<const data::Dataset> dataset;  ///< null when there is none
  std::vector<int64_t> members;
};

struct RunData {
  DataSelection train;
  DataSelection validation;
  DataIdentity identity;  ///< equal where a run goes on
};

/// Opens every annotation file. Throws DataError when one cannot be used or there is nothing to train on. Records that
/// cannot be used show when they are drawn, or in `check_known_bad`.
RunData open_data(const config::TrainConfig& config, int64_t total_stride, const text::Tokenizer& tokenizer);

/// The rule of data.max_bad_share: whether `bad` of `all` records or pictures are too many.
bool too_many_bad(int64_t bad, int64_t all, double max_bad_share);
/// The error that ends a run or a check then; `got` tells how many there are.
DataError bad_share_error(const std::string& where, const std::string& what, const std::string& got,
                          double max_bad_share);

/// Throws DataError when more than `max_bad_share` of the selection are known to be bad before a picture is opened;
/// warns of fewer.
void check_known_bad(const DataSelection& selection, double max_bad_share);

/// quarantine.jsonl (quarantine.rank<r>.jsonl on other ranks): one line for each record or picture of training and
/// validation that was left out, however often it is met. The first few are warnings too.
class Quarantine {
 public:
  Quarantine(const std::filesystem::path& run, int rank);
  /// Throws CheckpointError when the file cannot be written.
  void add(const std::vector<data::BadSample>& samples);
  const std::filesystem::path& file() const { return file_; }
  const std::string& last_message() const { return last_message_; }

 private:
  std::filesystem::path file_;
  std::set<std::string> listed_;
  int64_t warnings_ = 0;  ///< of this process
  std::string last_message_;
};

}  // namespace convllava::train
