#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "convllava/text/tokenizer.h"

namespace convllava::text {

/// What the files beside a tokenizer.model say, as transformers reads them.
struct TokenizerSettings {
  TokenizerBehaviour behaviour = TokenizerBehaviour::kNonLegacy;
  std::string eos_token;          ///< its text; empty where no file names one
  std::optional<int64_t> eos_id;  ///< where it was added to the vocabulary of tokenizer.model
};

/// tokenizer_config.json ("legacy", "eos_token", "added_tokens_decoder") and special_tokens_map.json, whose "eos_token"
/// goes first. Without a tokenizer_config.json the behaviour is `fallback`. Throws DataError naming the file.
TokenizerSettings read_tokenizer_settings(const std::filesystem::path& folder, TokenizerBehaviour fallback);

}  // namespace convllava::text
