#include "convllava/stage/restarts.h"

#include <fmt/format.h>

#include <sstream>

#include "convllava/core/error.h"
#include "convllava/core/files.h"

namespace convllava::stage {
namespace fs = std::filesystem;
namespace {

constexpr const char* kFile = "restarts.jsonl";

}  // namespace

void note_start(const fs::path& run, int64_t step, const std::string& what) {
  const fs::path file = run / kFile;
  const std::string line = fmt::format("{{\"step\": {}, \"what\": \"{}\"}}\n", step, what);
  std::error_code ignored;
  std::string text = fs::exists(file, ignored) ? core::read_file(file) : "";
  int starts = 0;
  while (text.ends_with(line)) {
    text.resize(text.size() - line.size());
    ++starts;
  }
  if (starts >= kMostStarts) {
    throw Error(
        run.string(),
        fmt::format("this run has started {} times from step {} and failed before its next checkpoint. Read the "
                    "log of the first failure; another configuration, or no {}, starts it again",
                    starts, step, kFile));
  }
  std::string now;
  for (int i = 0; i <= starts; ++i) now += line;
  core::write_file_atomic(file, now);
}

void note_end(const fs::path& run) {
  std::error_code ignored;
  fs::remove(run / kFile, ignored);
}

}  // namespace convllava::stage
