#pragma once

// Annotation files with their image folders and weights -> samples ready to be packed.

#include <cstdint>
#include <filesystem>
#include <functional>
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
  double weight = 1.0;      ///< how often the set is used per epoch: 0.5 is half of it, 2 is twice
  void visit_fields(config::FieldVisitor& visitor);
};

/// Options of tokenization (section `data`).
struct EncodeOptions {
  text::Template prompt_template = text::Template::kV1;
  int64_t max_length = 2048;  ///< tokens of a sample, visual ones included
  void visit_fields(config::FieldVisitor& visitor);
};

/// Options of a sample.
struct SampleOptions : EncodeOptions {
  image::PreprocessOptions image;
  /// Visual tokens of an image of this size, 0 where the tower takes none of it; by default one for 64 x 64 pixels.
  std::function<int64_t(int64_t h, int64_t w)> visual_tokens = [](auto h, auto w) { return (h / 64) * (w / 64); };
};

/// A tokenized record with its resized image.
struct Sample {
  text::EncodedPrompt prompt;         ///< one kImageToken at the place of the image
  std::optional<image::Image> image;  ///< 8-bit, at its final size
  int64_t visual_tokens = 0;
  int64_t kept_labels = 0;  ///< supervised tokens within max_length; the loss uses these
  int64_t cut_labels = 0;   ///< supervised tokens beyond it

  /// Number of tokens, with visual tokens and with tokens beyond max_length.
  int64_t tokens() const { return static_cast<int64_t>(prompt.input_ids.size()) + (image ? visual_tokens - 1 : 0); }
};

/// A skipped record or image.
struct BadSample {
  int64_t index = 0;
  std::string message;
};

/// Several sets as one list of records; index = position in the concatenation. Thread-safe after construction.
class Dataset {
 public:
  /// Throws DataError if an annotation file cannot be read, ConfigError for a negative weight or images smaller than a
  /// visual token.
  Dataset(std::vector<DataSource> sources, SampleOptions options, text::Tokenizer tokenizer);

  /// Number of records in all sets, bad ones included.
  int64_t size() const { return static_cast<int64_t>(entries_.size()); }
  const RecordSummary& summary(int64_t index) const;
  /// Weight of the record's set.
  double weight(int64_t index) const;
  /// "file:line: record 12".
  std::string where(int64_t index) const;
  Record record(int64_t index) const;
  /// The records that are bad without a look at the images (AnnotationFile::bad), in ascending order.
  std::vector<BadSample> bad_records() const;
  /// The image's path: the set's image folder and `image`, or `image` alone if it is absolute, as in LLaVA. Empty for a
  /// record without image.
  std::filesystem::path image_path(int64_t index) const;
  /// Whether that path is outside the image folder, by `..` or because it is absolute. Such an image is used, but a
  /// report must not show it: annotations of others could name any image on this machine. Links in the folder are
  /// followed.
  bool image_is_outside(int64_t index) const;
  /// Throws DataError with file and record: a bad record, an unusable image, or no answer token within max_length.
  Sample sample(int64_t index) const;
  /// The same sample without pixels, for counting tokens, with the same errors of record and text. The image is read
  /// only with native aspect, where its size decides the number of tokens.
  Sample outline(int64_t index) const;
  /// AnnotationFile::unused_fields of all sets with a weight above 0.
  std::map<std::string, int64_t> unused_fields() const;

  /// (training, validation) indices, both ascending, with about `share` of the records for validation, at least one if
  /// `share` > 0. Records of one image (the same path) are in the same part, and so are text records with equal turns:
  /// validation has no training data, and may be larger than `share`. The choice depends on `seed` and on the records,
  /// not on their order or on the folder. Records of sets with weight 0 are in neither part. With a share > 0 each
  /// record is parsed once more.
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
