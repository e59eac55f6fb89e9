#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace convllava::text {

/// How text around special tokens is split into pieces (transformers' `legacy` flag).
/// `kLegacy`: every piece of text between special tokens gets the dummy prefix "▁".
/// `kNonLegacy` (transformers >= 4.34 with legacy=false): only the start of the whole string does.
enum class TokenizerBehaviour { kLegacy, kNonLegacy };

/// The settings in the folder of a tokenizer.model, as transformers reads them.
struct TokenizerSettings {
  TokenizerBehaviour behaviour = TokenizerBehaviour::kNonLegacy;
  std::string eos_token;          ///< its text; "" if no file has one
  std::optional<int64_t> eos_id;  ///< if it is an added token, outside the vocabulary of tokenizer.model
};

/// Reads tokenizer_config.json ("legacy", "eos_token", "added_tokens_decoder") and special_tokens_map.json, whose
/// "eos_token" has priority. Without a tokenizer_config.json the behaviour is `fallback`. Throws DataError with the
/// file and the field.
TokenizerSettings read_tokenizer_settings(const std::filesystem::path& folder, TokenizerBehaviour fallback);

}  // namespace convllava::text
