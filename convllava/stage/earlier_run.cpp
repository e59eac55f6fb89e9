#include "convllava/stage/earlier_run.h"

#include <fmt/format.h>

#include <string>
#include <vector>

#include "convllava/core/error.h"
#include "convllava/core/log.h"

namespace convllava::stage {
namespace fs = std::filesystem;
namespace {

/// Whether `train` writes a file of this name beside its checkpoints.
bool is_written(const std::string& name) {
  return name == "metrics.jsonl" || name == "report.html" || name == "config.yaml" || name == "tensorboard" ||
         (name.starts_with("quarantine.") && name.ends_with("jsonl"));
}

fs::path free_folder(const fs::path& run) {
  int number = 1;
  while (fs::exists(run / fmt::format("earlier-{}", number))) ++number;
  return run / fmt::format("earlier-{}", number);
}

}  // namespace

void set_aside_earlier_run(const fs::path& run) {
  try {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(run)) {
      if (is_written(entry.path().filename().string()) && !fs::is_empty(entry)) files.push_back(entry.path());
    }
    if (files.empty()) return;
    const fs::path folder = free_folder(run);
    fs::create_directory(folder);
    for (const auto& file : files) fs::rename(file, folder / file.filename());
    core::log_warning(fmt::format("{} holds files of an earlier run, but no checkpoint to resume from: moved to {}",
                                  run.string(), folder.string()));
  } catch (const fs::filesystem_error& error) {
    throw CheckpointError(run.string(), "cannot set the files of an earlier run aside", error.code().message());
  }
}

}  // namespace convllava::stage
