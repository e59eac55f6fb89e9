#pragma once

// Problems of a data set: unusable records, empty and truncated answers, unused fields. `inspect --data` examines all
// records; a run examines a part of them at its start:
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
  /// Records to tokenize, spread evenly over the members; their images must exist.
  int64_t most_examined = 1000;
  int64_t most_decoded = 0;  ///< of these, records whose images are decoded too, spread evenly
  int threads = 1;
  std::function<void(int64_t examined)> progress = {};  ///< called from one thread, after each 64 records
};

struct DataSummary {
  // Of all members, from the index.
  int64_t records = 0;
  int64_t text_only = 0;
  int64_t with_empty_answer = 0;                 ///< records with an answer without words
  std::map<std::string, int64_t> unused_fields;  ///< Dataset::unused_fields

  // Of the examined records.
  int64_t examined = 0;
  int64_t decoded = 0;               ///< images
  int64_t unusable = 0;              ///< records that training skips
  int64_t missing = 0;               ///< of these, records whose image does not exist
  int64_t outside = 0;               ///< records whose image is outside the set's image folder
  std::vector<std::string> reasons;  ///< of the first kMostReasons unusable records: "file:line: record 12: ..."
  int64_t tokens = 0;                ///< of usable records, with visual tokens and those beyond max_length
  int64_t answer_tokens = 0;         ///< supervised tokens, with those beyond max_length
  int64_t cut_answer_tokens = 0;     ///< of these, tokens beyond max_length
  int64_t cut_records = 0;           ///< records with such tokens
  int64_t longest_tokens = 0;
  std::string longest_where;  ///< "file:line: record 12"
  /// Characters that the tokenizer has no token for (text/characters.h).
  std::map<std::string, int64_t> characters_without_token;

  static constexpr size_t kMostReasons = 5;
};

/// Counts over `members` of the data set. Unusable records are counted, not thrown. Throws core::FileChanged if an
/// annotation file changes meanwhile.
DataSummary summarize(const Dataset& dataset, const std::vector<int64_t>& members, const SummaryOptions& options);

/// "images" in 9 records, "system" in 1 records
std::string list_fields(const std::map<std::string, int64_t>& fields);

/// One sentence with numbers for each problem: unused fields, empty answers, truncated answers, missing images and
/// other unusable records, images outside the image folder, and characters without a token if they are more than one
/// token in a hundred. Empty for data without problems.
std::vector<std::string> warnings(const DataSummary& summary);

}  // namespace convllava::data
