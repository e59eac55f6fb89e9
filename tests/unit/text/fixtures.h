#pragma once

// The files that the tests of convllava/text read. scripts/golden/text.py makes those under tests/golden/text.

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

namespace convllava::text::testing {

inline std::filesystem::path golden(const char* name) {
  return std::filesystem::path(CONVLLAVA_SOURCE_DIR) / "tests/golden/text" / name;
}

/// LLaMA's tokenizer.model and its vectors. They may not be committed: absent on most machines.
inline std::filesystem::path llama_folder() {
  const char* shared = std::getenv("CONVLLAVA_SHARED_DATA");
  const auto root =
      shared ? std::filesystem::path(shared) : std::filesystem::path(CONVLLAVA_SOURCE_DIR) / "../shared/data";
  return root / "llama_tokenizer";
}

inline bool has_llama() { return std::filesystem::exists(llama_folder() / "tokenizer.model"); }
inline constexpr const char* kNoLlama = "LLaMA's tokenizer.model is not in CONVLLAVA_SHARED_DATA/llama_tokenizer";

inline nlohmann::json read_json(const std::filesystem::path& path) {
  std::ifstream stream(path);
  return nlohmann::json::parse(stream);
}

/// An empty directory of its own for each name and process, removed at the end of the scope.
class TemporaryFolder {
 public:
  explicit TemporaryFolder(const std::string& name)
      : path_(std::filesystem::temp_directory_path() / ("convllava_text_" + name + "." + std::to_string(getpid()))) {
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  void write(const char* name, const std::string& bytes) const {
    std::ofstream(path_ / name, std::ios::binary) << bytes;
  }

 private:
  std::filesystem::path path_;
};

}  // namespace convllava::text::testing
