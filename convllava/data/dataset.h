#pragma once

// Annotation files with their image folders and weights -> samples ready to be packed.

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "convllava/data/annotation_file.h"
#include "convllava/image/preprocess.h"
#include "convllava/text/prompt.h"

namespace convllava::data {

/// One set of a mixture.
struct DataSource {
  std::string annotations;  ///< LLaVA JSON or JSONL
  std::string images;       ///< folder that the records' image paths start from
  double weight = 1.0;      ///< how often the set is seen in an epoch: 0.5 half of it, 2 twice
  void visit_fields(config::FieldVisitor& visitor);
};

/// How a conversation becomes tokens (section `data`).
struct EncodeOptions {
  text::Template prompt_template = text::Template::kV1;
  int64_t max_length = 2048;  ///< tokens of a sample, visual ones included
  void visit_fields(config::FieldVisitor& visitor);
};

/// How a record becomes a sample.
struct SampleOptions : EncodeOptions {
  image::PreprocessOptions image;
  int64_t total_stride = 64;  ///< pixels per visual token along one side
};

/// A record, tokenised and with its image resized.
struct Sample {
  text::EncodedPrompt prompt;         ///< one kImageToken where the image goes
  std::optional<image::Image> image;  ///< 8-bit, at its final size
  int64_t visual_tokens = 0;
  int64_t kept_labels = 0;  ///< supervised tokens within max_length: what the loss sees
  int64_t cut_labels = 0;   ///< supervised tokens beyond it

  /// Of the whole sample, visual ones included, also what max_length cuts off.
  int64_t tokens() const { return static_cast<int64_t>(prompt.input_ids.size()) + (image ? visual_tokens - 1 : 0); }
};

/// A record or image that is left out.
struct BadSample {
  int64_t index = 0;
  std::string message;
};

/// Several sets as one list of records; index = position in the concatenation. Thread-safe after construction.
class Dataset {
 public:
  /// Throws DataError for an annotation file that cannot be read, ConfigError for a negative weight or images smaller
  /// than a visual token.
  Dataset(std::vector<DataSource> sources, SampleOptions options, text::Tokenizer tokenizer);

  /// Records of all sets, bad ones included.
  int64_t size() const { return static_cast<int64_t>(entries_.size()); }
  const RecordSummary& summary(int64_t index) const;
  /// Weight of the set that the record belongs to.
  double weight(int64_t index) const;
  /// "file:line: record 12".
  std::string where(int64_t index) const;
  Record record(int64_t index) const;
  /// The records that are known to be bad before an image is opened (AnnotationFile::bad), in ascending order.
  std::vector<BadSample> bad_records() const;
  /// The image's path: `image` behind the set's image folder, or alone where it is absolute, as LLaVA joins them.
  /// Empty for a record without one.
  std::filesystem::path image_path(int64_t index) const;
  /// Whether that path leads out of the image folder, by `..` or because it is absolute. Such an image is used, but a
  /// report must not publish it: annotations from elsewhere could name any image of this machine. Links inside the
  /// folder are followed.
  bool image_is_outside(int64_t index) const;
  /// Throws DataError naming file, record and reason: a bad record, an image that cannot be used, an answer of which
  /// nothing fits into max_length.
  Sample sample(int64_t index) const;
  /// The same sample, and the same errors of its record and text, for whoever only counts: its image has a size and
  /// no pixels. The file is read only with native aspect, where its shape decides how many tokens it has.
  Sample outline(int64_t index) const;
  /// Fields of the records that nothing reads, with the number of records that hold a value there; of sets with a
  /// weight above 0.
  std::map<std::string, int64_t> unused_fields() const;

  /// Keeps about `share` of the records for validation, at least one unless it is 0: (training, validation) indices,
  /// both ascending. Records of one image (the same path) stay together, and so do those of equal turns without an
  /// image, so that nothing that was trained on is validated on: validation grows beyond `share` until it holds all
  /// of them. Which ones depends on `seed` and on what they are, not on their order or on where the data lie. Records
  /// of sets with weight 0 are in neither part. With a share > 0 every record is parsed once more.
  std::pair<std::vector<int64_t>, std::vector<int64_t>> split(double share, uint64_t seed) const;

  /// core::Fingerprint of the bytes of each annotation file, in the order of the sets.
  std::vector<uint64_t> fingerprints() const;

  const text::Tokenizer& tokenizer() const { return tokenizer_; }
  const SampleOptions& options() const { return options_; }

 private:
  struct Entry {
    int32_t source;
    int64_t record;
  };
  Sample make_sample(int64_t index, bool with_pixels) const;
  std::vector<uint64_t> identities(const std::vector<int64_t>& indices) const;

  std::vector<DataSource> sources_;
  std::vector<AnnotationFile> files_;
  std::vector<Entry> entries_;
  SampleOptions options_;
  text::Tokenizer tokenizer_;
};

}  // namespace convllava::data
