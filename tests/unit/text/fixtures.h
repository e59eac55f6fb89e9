#pragma once

// The files that the tests of convllava/text read. scripts/golden/text.py makes those under tests/golden/text.

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

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

inline nlohmann::json read_json(const std::filesystem::path& path) {
  std::ifstream stream(path);
  return nlohmann::json::parse(stream);
}

}  // namespace convllava::text::testing
