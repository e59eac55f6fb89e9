#pragma once

// What a data set holds that its user may not expect: records that teach nothing, answers that are empty or cut off,
// fields that nothing reads. `inspect --data` looks at everything; a run can afford a part of it at its start:
//
//     const auto summary = data::summarize(dataset, members, {.most_examined = 1000});
//     for (const auto& line : data::warnings(summary)) core::log_warning(line);

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "convllava/data/dataset.h"

namespace convllava::data {

struct SummaryOptions {
  /// Records that are tokenised, spread evenly over the members; their images must exist.
  int64_t most_examined = 1000;
  int64_t most_decoded = 0;  ///< of these, records whose images are decoded as well, spread evenly
  int threads = 1;
  std::function<void(int64_t examined)> progress = {};  ///< called from one thread, now and then
};

struct DataSummary {
  // Known from the index, of all members.
  int64_t records = 0;
  int64_t text_only = 0;
  int64_t with_empty_answer = 0;                 ///< records with an answer that holds no word
  std::map<std::string, int64_t> unused_fields;  ///< Dataset::unused_fields

  // Of the records that were examined.
  int64_t examined = 0;
  int64_t decoded = 0;               ///< images
  int64_t unusable = 0;              ///< records that training would leave out, for whatever reason
  int64_t missing = 0;               ///< of these, those whose image is not there
  int64_t outside = 0;               ///< records whose image lies outside of the set's image folder
  std::vector<std::string> reasons;  ///< the first kMostReasons of the unusable: "file:line: record 12: ..."
  int64_t tokens = 0;                ///< of the usable ones, visual ones and those beyond max_length included
  int64_t answer_tokens = 0;         ///< supervised ones, those beyond max_length included
  int64_t cut_answer_tokens = 0;     ///< of these, those beyond it
  int64_t cut_records = 0;           ///< that lose a part of their answers
  int64_t longest_tokens = 0;
  std::string longest_where;  ///< "file:line: record 12"
  /// Characters that the tokenizer has no token for (text/characters.h).
  std::map<std::string, int64_t> characters_without_token;

  static constexpr size_t kMostReasons = 5;
};

/// Counts over `members` of the data set. Does not throw for records that cannot be used; throws
/// core::FileChanged when somebody writes into an annotation file.
DataSummary summarize(const Dataset& dataset, const std::vector<int64_t>& members, const SummaryOptions& options);

/// "images" in 9 records, "system" in 1 records
std::string list_fields(const std::map<std::string, int64_t>& fields);

/// What is odd, a sentence each, with the numbers; none for data without faults. Fields that are not used, empty
/// answers, answers cut off, images that are missing and other unusable records, images outside of the image
/// folder, and characters without a token where they are more than one token in a hundred.
std::vector<std::string> warnings(const DataSummary& summary);

}  // namespace convllava::data
