#pragma once

#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "convllava/core/error.h"
#include "convllava/data/mixture.h"

// Unusable records and images.

namespace convllava::data {

/// How many of them a run allows (section `data`).
struct QuarantineOptions {
  double max_bad_share = 0.01;  ///< of records or images that may be unusable before the run fails
  void visit_fields(config::FieldVisitor& visitor);
};

/// The rule of data.max_bad_share: whether `bad` of `all` records or images are too many.
bool too_many_bad(int64_t bad, int64_t all, double max_bad_share);
/// The error that ends a run or a check then; `got` has their number.
DataError bad_share_error(const std::string& where, const std::string& what, const std::string& got,
                          double max_bad_share);

/// Throws DataError when more than `max_bad_share` of the selection are known to be bad before an image is opened;
/// warns of fewer.
void check_known_bad(const DataSelection& selection, double max_bad_share);

/// quarantine.jsonl (quarantine.rank<r>.jsonl on other ranks): one line for each record or image of training and
/// validation that was skipped, however often it is met. The first few are warnings too.
class Quarantine {
 public:
  Quarantine(const std::filesystem::path& run, int rank);
  /// Throws CheckpointError when the file cannot be written.
  void add(const std::vector<BadSample>& samples);
  const std::filesystem::path& file() const { return file_; }
  const std::string& last_message() const { return last_message_; }

 private:
  std::filesystem::path file_;
  std::set<std::string> listed_;
  int64_t warnings_ = 0;  ///< of this process
  std::string last_message_;
};

}  // namespace convllava::data
