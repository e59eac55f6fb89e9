#pragma once

// What the tests of convllava/eval share: benchmark files to read and where data outside the repository lie.

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "convllava/eval/benchmark.h"
#include "tests/support/process.h"

namespace convllava::eval::testing {

using convllava::testing::FileSizeLimit;
using convllava::testing::OrdinaryUser;
using convllava::testing::shared_data;
using convllava::testing::TemporaryFolder;
using convllava::testing::text_of;
using convllava::testing::write_text;

/// What the official code makes of texts: scripts/golden/eval.py ran it.
inline nlohmann::json golden() {
  return nlohmann::json::parse(text_of(CONVLLAVA_SOURCE_DIR "/tests/golden/eval/answers.json"));
}

/// `count` times the same text as a JSON list.
inline std::string json_list(const std::string& text, int count = 10) {
  std::string list;
  for (int i = 0; i < count; ++i) list += (i == 0 ? "\"" : ", \"") + text + "\"";
  return "[" + list + "]";
}

/// The official layout around entries.
inline std::string vqa_file(const std::vector<std::string>& entries) {
  std::string data;
  for (const auto& entry : entries) data += (data.empty() ? "" : ",\n") + entry;
  return "{\"dataset_name\": \"test\",\n\"data\": [\n" + data + "\n]}\n";
}

}  // namespace convllava::eval::testing
