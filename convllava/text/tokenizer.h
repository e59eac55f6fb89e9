#pragma once

// LLaMA's SentencePiece tokenizer, with the old and the new behaviour of Hugging Face's `LlamaTokenizer`.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace convllava::text {

/// How text around special tokens is split into pieces (transformers' `legacy` flag).
/// `kLegacy`: every piece of text between special tokens gets the dummy prefix "▁".
/// `kNonLegacy` (transformers >= 4.34 with legacy=false): only the start of the whole string does.
enum class TokenizerBehaviour { kLegacy, kNonLegacy };

/// One token with its bytes of the input: [begin, end) of the string that was encoded. A token without any byte of the
/// input (a dummy prefix) has begin == end. If byte tokens write a character, the last of them has its range.
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
  /// Reads a SentencePiece `.model` file, or `tokenizer.model` in a folder. The `tokenizer_config.json` in the same
  /// folder sets the behaviour: `"legacy": false` is kNonLegacy; true, null and an absent "legacy" are kLegacy, as in
  /// transformers 4.39.3, which the reference uses. Without that file it is `fallback`.
  /// Throws DataError if the file does not exist or is not a SentencePiece model.
  static Tokenizer load(const std::filesystem::path& path,
                        TokenizerBehaviour fallback = TokenizerBehaviour::kNonLegacy);

  /// Token ids of `text`. "<s>", "</s>" and "<unk>" in it become the special tokens, as in the reference.
  std::vector<int64_t> encode(std::string_view text, bool add_bos) const;

  /// `encode` without BOS, with the range of each token in `text`. "<s>", "</s>" and "<unk>" that begin inside one of
  /// `words` are ordinary text.
  std::vector<TokenPiece> encode_pieces(std::string_view text, const std::vector<TextRange>& words = {}) const;

  /// Text of `ids` in UTF-8, without special tokens and without the leading space of the dummy prefix. Ids beyond the
  /// vocabulary are skipped: models pad their embeddings. Throws DataError for negative ids. TextStream decodes token
  /// by token.
  std::string decode(const std::vector<int64_t>& ids) const;

  /// One token for people to read, with a space for "▁". Throws DataError for an id outside the vocabulary.
  std::string piece(int64_t id) const;

  /// The byte of a byte token such as "<0x78>" (byte fallback); nothing for other tokens and for ids outside the
  /// vocabulary.
  std::optional<uint8_t> byte_of(int64_t id) const;

  int64_t vocab_size() const;
  int64_t bos_id() const;
  int64_t eos_id() const;
  /// </s>, and the "eos_token" of tokenizer_config.json or special_tokens_map.json if it is another token.
  const std::vector<int64_t>& end_ids() const;
  /// Also the padding id (`pad_token = unk_token` in LLaVA).
  int64_t unk_id() const;
  TokenizerBehaviour behaviour() const;

  /// The bytes of the model file; checkpoints contain a copy.
  const std::string& model_bytes() const;

 private:
  friend class TextStream;
  struct Impl;
  explicit Tokenizer(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<const Impl> impl_;
};

/// The text of tokens that are added one by one. A character of several byte tokens appears with the last of them.
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
