#pragma once

// Annotation files and pictures that the tests of convllava/data write for themselves.

#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "convllava/data/dataset.h"

namespace convllava::data::testing {

/// An empty directory for one test of one process, removed at the end of the scope.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    static int count = 0;
    path_ = std::filesystem::temp_directory_path() /
            ("convllava_data_" + std::to_string(::getpid()) + "_" + std::to_string(++count));
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path write(const std::string& name, const std::string& bytes) const {
    std::ofstream(path_ / name, std::ios::binary) << bytes;
    return path_ / name;
  }

  /// A PPM file whose bytes count up from `first`.
  void write_picture(const std::string& name, int64_t width, int64_t height, int first = 0) const {
    std::string bytes = "P6\n" + std::to_string(width) + " " + std::to_string(height) + "\n255\n";
    for (int64_t i = 0; i < width * height * 3; ++i) bytes.push_back(static_cast<char>((first + i) % 251));
    write(name, bytes);
  }

 private:
  std::filesystem::path path_;
};

/// {"conversations": [...]} of one question and its answer; with `image` when it is not empty.
inline std::string record_json(const std::string& image, const std::string& question, const std::string& answer) {
  const std::string head = image.empty() ? "{" : R"({"image": ")" + image + R"(", )";
  return head + R"("conversations": [{"from": "human", "value": ")" + (image.empty() ? "" : "<image>\\n") + question +
         R"("}, {"from": "gpt", "value": ")" + answer + R"("}]})";
}

inline text::Tokenizer small_tokenizer() {
  return text::Tokenizer::load(std::filesystem::path(CONVLLAVA_SOURCE_DIR) / "tests/golden/text/tokenizer.model");
}

/// 64-pixel pictures of 4 visual tokens.
inline SampleOptions small_options() {
  SampleOptions options;
  options.image.size = 64;
  options.total_stride = 32;
  options.max_length = 200;
  return options;
}

}  // namespace convllava::data::testing
