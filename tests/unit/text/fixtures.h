#pragma once

// The files that the tests of convllava/text read. scripts/golden/text.py makes those under tests/golden/text.

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "convllava/text/sentencepiece_tokenizer.h"
#include "convllava/text/tokenizer.h"
#include "tests/support/files.h"

namespace convllava::text::testing {

using convllava::testing::TemporaryFolder;

inline std::filesystem::path golden(const char* name) {
  return std::filesystem::path(CONVLLAVA_SOURCE_DIR) / "tests/golden/text" / name;
}

/// LLaMA's tokenizer.model and its vectors. They may not be committed: absent on most machines.
inline std::filesystem::path llama_folder() { return convllava::testing::shared_data("llama_tokenizer"); }

inline bool has_llama() { return std::filesystem::exists(llama_folder() / "tokenizer.model"); }
inline constexpr const char* kNoLlama = "LLaMA's tokenizer.model is not in CONVLLAVA_SHARED_DATA/llama_tokenizer";

inline constexpr auto kBoth = {TokenizerBehaviour::kLegacy, TokenizerBehaviour::kNonLegacy};

/// The golden tokenizer of 600 tokens.
inline Tokenizer small(TokenizerBehaviour behaviour = TokenizerBehaviour::kNonLegacy) {
  return Tokenizer(load_sentencepiece(golden("tokenizer.model"), behaviour));
}

inline Tokenizer llama(TokenizerBehaviour behaviour) {
  return Tokenizer(load_sentencepiece(llama_folder() / "tokenizer.model", behaviour));
}

inline nlohmann::json read_json(const std::filesystem::path& path) {
  std::ifstream stream(path);
  return nlohmann::json::parse(stream);
}

}  // namespace convllava::text::testing
