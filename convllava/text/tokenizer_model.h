#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// What each family of tokenizers is to the rest of the library. docs/adding/tokenizer.md shows how to add one.

namespace convllava::text {

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

/// The numbers of a vocabulary.
struct Vocabulary {
  int64_t size = 0;
  int64_t bos_id = 0;
  int64_t eos_id = 0;
  int64_t unk_id = 0;             ///< also the padding id (`pad_token = unk_token` in LLaVA)
  std::vector<int64_t> end_ids;   ///< eos_id, and the end token that the files beside name if it is another one
  bool has_dummy_prefix = false;  ///< encoding puts a space in front of a text, decoding removes it
};

/// One entry of a vocabulary.
struct Token {
  std::string piece = {};  ///< for people to read
  std::string bytes = {};  ///< what it adds to a text; "" for special tokens
  bool is_byte = false;    ///< writes one byte of a character that has no token of its own
};

/// One tokenizer that was read. Thread-safe.
class TokenizerModel {
 public:
  virtual ~TokenizerModel() = default;
  virtual const Vocabulary& vocabulary() const = 0;
  /// `id` is inside the vocabulary.
  virtual Token token(int64_t id) const = 0;
  /// Without BOS. Special tokens spelled in `text` are these tokens, unless they begin inside one of `words`.
  virtual std::vector<TokenPiece> encode(std::string_view text, const std::vector<TextRange>& words) const = 0;
  /// What decides the tokens of every text: equal for tokenizers that encode alike.
  virtual std::string identity() const = 0;
  /// Names and contents of the files of a saved model, from which the family and transformers read the same tokenizer.
  /// `max_length`: tokens of a sequence (`model_max_length`).
  virtual std::vector<std::pair<std::string, std::string>> files(int64_t max_length) const = 0;
};

/// A row of the table of families.
struct TokenizerFamily {
  std::string_view file;     ///< in the folder of a model: "tokenizer.model"
  std::string_view meaning;  ///< for messages: "a SentencePiece model"
  /// Throws DataError.
  std::shared_ptr<const TokenizerModel> (*load)(const std::filesystem::path& file);
};

const std::vector<TokenizerFamily>& tokenizer_families();

}  // namespace convllava::text
