#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "convllava/text/tokenizer.h"

namespace convllava::text {

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
