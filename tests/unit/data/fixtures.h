#pragma once

// Annotation files and images that the tests of convllava/data write for themselves.

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "convllava/data/dataset.h"
#include "tests/catch.h"
#include "tests/support/errors.h"
#include "tests/support/files.h"
#include "tests/support/small_tokenizer.h"

namespace convllava::data::testing {

using convllava::testing::contains;
using convllava::testing::Parts;
using convllava::testing::small_tokenizer;
using convllava::testing::thrown;
using Ids = std::vector<int64_t>;

/// A folder that images can be drawn into.
class TemporaryFolder : public convllava::testing::TemporaryFolder {
 public:
  /// A PPM file whose bytes count up from `first`.
  void write_image(const std::string& name, int64_t width, int64_t height, int first = 0) const {
    std::string bytes = "P6\n" + std::to_string(width) + " " + std::to_string(height) + "\n255\n";
    for (int64_t i = 0; i < width * height * 3; ++i) bytes.push_back(static_cast<char>((first + i) % 251));
    write(name, bytes);
  }
};

/// {"conversations": [...]} of one question and its answer; with `image` when it is not empty.
inline std::string record_json(const std::string& image, const std::string& question, const std::string& answer) {
  const std::string head = image.empty() ? "{" : R"({"image": ")" + image + R"(", )";
  return head + R"("conversations": [{"from": "human", "value": ")" + (image.empty() ? "" : "<image>\\n") + question +
         R"("}, {"from": "gpt", "value": ")" + answer + R"("}]})";
}

/// A tower with a token for each square of `side` pixels.
inline auto tokens_of(int64_t side) {
  return [side](int64_t height, int64_t width) { return (height / side) * (width / side); };
}

/// 64-pixel images of 4 visual tokens.
inline SampleOptions small_options() {
  SampleOptions options;
  options.image.size = 64;
  options.visual_tokens = tokens_of(32);
  options.max_length = 200;
  return options;
}

/// One set of these records, with its images in `folder`.
inline Dataset dataset_of(const TemporaryFolder& folder, const std::string& json,
                          const SampleOptions& options = small_options()) {
  return Dataset({{folder.write("set.json", json), folder.path(), 1.0}}, options, small_tokenizer());
}

}  // namespace convllava::data::testing
