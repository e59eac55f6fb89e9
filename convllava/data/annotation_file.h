#pragma once

// LLaVA annotation files: a JSON array or JSON lines of {id, image?, conversations: [{from, value}]}.

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "convllava/text/conversation.h"

namespace convllava::data {

struct Record {
  std::string id;                    ///< "" when absent
  std::optional<std::string> image;  ///< path relative to the set's image folder; none for null and "" in the file
  std::vector<text::Turn> turns;
};

/// What a sampler needs to know of a record without parsing it again.
struct RecordSummary {
  bool has_image = false;
  int32_t empty_answers = 0;  ///< assistant turns without a word
  int64_t words = 0;          ///< white-space separated words over all turns (LLaVA's length)
};

/// An annotation file that stays open. Only an index of record positions and their summaries is kept in memory (40
/// bytes a record); a record is read and parsed when it is asked for. A file that somebody writes into meanwhile gives
/// core::FileChanged, whichever record is asked for. Records count from 0. Thread-safe.
class AnnotationFile {
 public:
  /// Reads the whole file once. Throws DataError with file and line when it cannot be read, is empty, is neither an
  /// array nor JSON lines, or ends in the middle. A record that cannot be used (malformed, no conversations, unknown
  /// speaker, ...) is listed in `bad`.
  explicit AnnotationFile(const std::filesystem::path& path);

  struct BadRecord {
    int64_t index = 0;
    std::string message;  ///< "file:line: record 12: ...; got ...; expected ..."
  };

  int64_t size() const;
  const RecordSummary& summary(int64_t index) const;
  /// Throws DataError for a record that is in `bad`.
  Record record(int64_t index) const;
  /// The record as it stands in the file, also a bad one.
  std::string bytes(int64_t index) const;
  /// "file:line: record 12", for messages about a record.
  std::string where(int64_t index) const;
  const std::vector<BadRecord>& bad() const;
  /// Fields that nothing reads, with the number of records that hold a value there (not null, "", [] or {}); bad
  /// records aside. Those of turns begin with "conversations[].". Of many names the first kMostUnusedFields are
  /// counted.
  const std::map<std::string, int64_t>& unused_fields() const;
  static constexpr size_t kMostUnusedFields = 64;
  /// Of the file's bytes (core/fingerprint.h), the order of the records with them.
  uint64_t fingerprint() const;

 private:
  struct Impl;
  std::shared_ptr<const Impl> impl_;
};

}  // namespace convllava::data
