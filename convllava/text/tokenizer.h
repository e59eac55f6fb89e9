#pragma once

// LLaMA's SentencePiece tokenizer with the two behaviours that Hugging Face's `LlamaTokenizer` has had.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace convllava::text {

/// How text around special tokens is cut into pieces (transformers' `legacy` flag).
/// `kLegacy`: every piece of text between special tokens gets the dummy prefix "▁".
/// `kNonLegacy` (transformers >= 4.34 with legacy=false): only the start of the whole string does.
enum class TokenizerBehaviour { kLegacy, kNonLegacy };

/// One token with the bytes of the input it came from: [begin, end) of the string that was encoded. A token that stands
/// for no byte of it (a dummy prefix) has begin == end; of a character written as byte tokens, the last has its place.
struct TokenPiece {
  int64_t id = 0;
  size_t begin = 0;
  size_t end = 0;
};

/// [begin, end) of a text, in bytes.
struct TextRange {
  size_t begin = 0;
  size_t end = 0;
};

/// A value: copies share the loaded model. Thread-safe.
class Tokenizer {
 public:
  /// Reads a SentencePiece `.model` file, or `tokenizer.model` inside a directory. A `tokenizer_config.json` beside the
  /// file gives the behaviour: "legacy": false means kNonLegacy; true, null or no "legacy" at all mean kLegacy, as in
  /// transformers 4.39.3, which the reference runs on. Without such a file it is `fallback`.
  /// Throws DataError naming the path when there is none or it is not a SentencePiece model.
  static Tokenizer load(const std::filesystem::path& path,
                        TokenizerBehaviour fallback = TokenizerBehaviour::kNonLegacy);

  /// Token ids of `text`. The literals "<s>", "</s>" and "<unk>" in it are the special tokens, as in the reference.
  std::vector<int64_t> encode(std::string_view text, bool add_bos) const;

  /// `encode` without BOS, with the place of each token in `text`. "<s>", "</s>" and "<unk>" that begin inside one of
  /// `words` are no special tokens but the characters that they are written with.
  std::vector<TokenPiece> encode_pieces(std::string_view text, const std::vector<TextRange>& words = {}) const;

  /// Text of `ids`; special tokens are left out, and so is one leading space that the dummy prefix put there. Always
  /// UTF-8. Ids beyond the vocabulary are passed over: models pad their embeddings. Throws DataError for negative ones.
  /// TextStream does the same for tokens that come one by one.
  std::string decode(const std::vector<int64_t>& ids) const;

  /// One token as a person reads it: "▁" is a space. Throws DataError for an id outside the vocabulary.
  std::string piece(int64_t id) const;

  /// The byte that a token stands for ("<0x78>", of a tokenizer with byte fallback); nothing for other tokens and for
  /// ids outside the vocabulary.
  std::optional<uint8_t> byte_of(int64_t id) const;

  int64_t vocab_size() const;
  int64_t bos_id() const;
  int64_t eos_id() const;
  /// </s>, and the "eos_token" of tokenizer_config.json or special_tokens_map.json where that is another token.
  const std::vector<int64_t>& end_ids() const;
  /// Also the padding id (`pad_token = unk_token` in LLaVA).
  int64_t unk_id() const;
  TokenizerBehaviour behaviour() const;

  /// The bytes of the model file, so that a checkpoint can carry it.
  const std::string& model_bytes() const;

 private:
  friend class TextStream;
  struct Impl;
  explicit Tokenizer(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<const Impl> impl_;
};

/// The text of tokens that come one by one. A character that several byte tokens write appears with its last one.
class TextStream {
 public:
  explicit TextStream(Tokenizer tokenizer) : tokenizer_(std::move(tokenizer)) {}

  /// Throws DataError for a negative id.
  void add(int64_t id);
  /// No token follows: the bytes of a character that is not complete become U+FFFD.
  void finish();
  /// `Tokenizer::decode` of what came so far, without such bytes; it only grows.
  const std::string& text() const { return text_; }

 private:
  void append(std::string_view more);
  Tokenizer tokenizer_;
  std::string text_;
  std::string bytes_;  ///< of a character whose other byte tokens may still come
  bool begun_ = false;
};

}  // namespace convllava::text
