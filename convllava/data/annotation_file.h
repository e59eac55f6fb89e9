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
  std::string id;                    ///< "" if absent
  std::optional<std::string> image;  ///< path relative to the set's image folder; nothing for null and "" in the file
  std::vector<text::Turn> turns;
};

/// The facts about a record that the sampler uses, so that it does not parse the record again.
struct RecordSummary {
  bool has_image = false;
  int32_t empty_answers = 0;  ///< assistant turns without words
  int64_t words = 0;          ///< white-space separated words over all turns (LLaVA's length)
};

/// An open annotation file. Memory has only an index of positions and summaries (40 bytes per record); a record is read
/// and parsed on each call of `record`. If the file changes meanwhile, each access throws core::FileChanged. Records
/// count from 0. Thread-safe.
class AnnotationFile {
 public:
  /// Reads the whole file once. Throws DataError with file and line if the file cannot be read, is empty or truncated,
  /// or is neither a JSON array nor JSON lines. Unusable records (malformed, no conversations, unknown speaker, ...)
  /// are listed in `bad`.
  explicit AnnotationFile(const std::filesystem::path& path);

  struct BadRecord {
    int64_t index = 0;
    std::string message;  ///< "file:line: record 12: ...; got ...; expected ..."
  };

  int64_t size() const;
  const RecordSummary& summary(int64_t index) const;
  /// Throws DataError for a record in `bad`.
  Record record(int64_t index) const;
  /// The bytes of the record in the file, also of a bad one.
  std::string bytes(int64_t index) const;
  /// "file:line: record 12", for messages about a record.
  std::string where(int64_t index) const;
  const std::vector<BadRecord>& bad() const;
  /// Fields that are not read, with the number of usable records that have a value in them (not null, "", [] or {}).
  /// Fields of turns begin with "conversations[].". Only the first kMostUnusedFields names are counted.
  const std::map<std::string, int64_t>& unused_fields() const;
  static constexpr size_t kMostUnusedFields = 64;
  /// Fingerprint of the file's bytes (core/fingerprint.h), and so of the order of the records.
  uint64_t fingerprint() const;

 private:
  struct Impl;
  std::shared_ptr<const Impl> impl_;
};

}  // namespace convllava::data
