#pragma once

// What the tests of convllava/eval share: benchmark files to read and where data outside the repository lie.

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "convllava/eval/benchmark.h"
#include "tests/unit/core/fixtures.h"

namespace convllava::eval::testing {

using core::testing::TemporaryFolder;
using core::testing::text_of;
using core::testing::write_text;

/// Data that stay out of the repository; tests that need them skip where they are absent.
inline std::filesystem::path shared_data(const std::string& name) {
  const char* folder = std::getenv("CONVLLAVA_SHARED_DATA");
  return (folder != nullptr ? std::filesystem::path(folder)
                            : std::filesystem::path(CONVLLAVA_SOURCE_DIR) / "../shared/data") /
         name;
}

/// Gives up root's rights while it lives, so that permissions count.
class OrdinaryUser {
 public:
  OrdinaryUser() { was_root_ = geteuid() == 0 && seteuid(65534) == 0; }
  ~OrdinaryUser() {
    if (was_root_ && seteuid(0) != 0) std::abort();
  }
  OrdinaryUser(const OrdinaryUser&) = delete;
  OrdinaryUser& operator=(const OrdinaryUser&) = delete;

 private:
  bool was_root_ = false;
};

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
