#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "convllava/text/tokenizer_model.h"

namespace convllava::text {

/// A tokenizer of any family. A value: copies share what was read. Thread-safe.
class Tokenizer {
 public:
  /// A tokenizer of the program's own.
  explicit Tokenizer(std::shared_ptr<const TokenizerModel> model) : model_(std::move(model)) {}

  /// Reads a tokenizer's file, or the one in a folder (tokenizer_families). The settings in the same folder hold too.
  /// Throws DataError if the file does not exist or is not a tokenizer.
  static Tokenizer load(const std::filesystem::path& path);

  /// Token ids of `text`. "<s>", "</s>" and "<unk>" in it become the special tokens, as in the reference.
  std::vector<int64_t> encode(std::string_view text, bool add_bos) const;

  /// `encode` without BOS, with the range of each token in `text`. Special tokens that begin inside one of `words` are
  /// ordinary text.
  std::vector<TokenPiece> encode_pieces(std::string_view text, const std::vector<TextRange>& words = {}) const;

  /// Text of `ids` in UTF-8, without special tokens and without the leading space of a dummy prefix. Ids beyond the
  /// vocabulary are skipped: models pad their embeddings. Throws DataError for negative ids. TextStream decodes token
  /// by token.
  std::string decode(const std::vector<int64_t>& ids) const;

  /// One token for people to read. Throws DataError for an id outside the vocabulary.
  std::string piece(int64_t id) const;

  /// The byte of a byte token such as "<0x78>" (byte fallback); nothing for other tokens and for ids outside the
  /// vocabulary.
  std::optional<uint8_t> byte_of(int64_t id) const;

  int64_t vocab_size() const { return model_->vocabulary().size; }
  int64_t bos_id() const { return model_->vocabulary().bos_id; }
  int64_t eos_id() const { return model_->vocabulary().eos_id; }
  /// Also the padding id.
  int64_t unk_id() const { return model_->vocabulary().unk_id; }
  const std::vector<int64_t>& end_ids() const { return model_->vocabulary().end_ids; }

  /// Names and contents of the files that save it; `max_length`: tokens of a sequence.
  std::vector<std::pair<std::string, std::string>> files(int64_t max_length) const { return model_->files(max_length); }

  /// Whether both give the same tokens. Their end_ids may differ.
  bool operator==(const Tokenizer& other) const { return model_->identity() == other.model_->identity(); }

 private:
  friend class TextStream;
  std::shared_ptr<const TokenizerModel> model_;
};

/// The text of tokens that are added one by one. A character of several tokens appears with the last of them.
class TextStream {
 public:
  explicit TextStream(Tokenizer tokenizer) : tokenizer_(std::move(tokenizer)) {}

  /// Throws DataError for a negative id.
  void add(int64_t id);
  /// Call after the last token: the bytes of an incomplete character become U+FFFD.
  void finish();
  /// `Tokenizer::decode` of the tokens so far, without the bytes of an incomplete character. Only appended to.
  const std::string& text() const { return text_; }

 private:
  void append(std::string_view more);
  Tokenizer tokenizer_;
  std::string text_;
  std::string bytes_;  ///< of an incomplete character
  bool begun_ = false;
};

}  // namespace convllava::text
