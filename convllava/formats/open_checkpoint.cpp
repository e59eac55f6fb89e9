#include "convllava/formats/open_checkpoint.h"

#include <chrono>
#include <thread>
#include <vector>

#include "convllava/checkpoint/record.h"
#include "convllava/checkpoint/run_folder.h"
#include "convllava/core/error.h"
#include "convllava/formats/model_directory.h"
#include "convllava/nn/libtorch.h"

namespace convllava::formats {
namespace fs = std::filesystem;
namespace {

using checkpoint::StepDirectory;

/// Weights without a config.json, as OpenCLIP writes them.
bool holds_weights(const fs::path& path) {
  std::error_code error;
  for (fs::directory_iterator entry(path, error), end; !error && entry != end; entry.increment(error)) {
    if (entry->path().extension() == ".safetensors") return true;
  }
  return false;
}

/// Throws with the name of the newest whole checkpoint where the newest is damaged.
fs::path newest_usable(const fs::path& run, const std::vector<checkpoint::StepDirectory>& found) {
  const auto damage = damage_of_model(found.back().path);
  if (!damage) return found.back().path;
  for (auto other = found.rbegin() + 1; other != found.rend(); ++other) {
    if (!damage_of_model(other->path)) {
      throw CheckpointError(run.string(), "the newest checkpoint is damaged. Use " + other->path.string(), *damage);
    }
  }
  return found.back().path;
}

}  // namespace

std::optional<std::string> damage_of_model(const fs::path& directory) {
  try {
    const auto shape = read_model_config(directory);
    check_model(directory, *model::ConvLlava(shape, torch::TensorOptions(torch::kMeta)));
    // Other programs' checkpoints may have theirs elsewhere.
    if (checkpoint::read_record(directory)) load_tokenizer(directory);
    return std::nullopt;
  } catch (const CheckpointError& error) {
    return error.what();
  }
}

fs::path find_checkpoint(const fs::path& path) {
  std::error_code error;
  if (fs::exists(path / "config.json", error)) return path;
  if (const auto found = checkpoint::list_checkpoints(path); !found.empty()) return newest_usable(path, found);
  if (holds_weights(path)) return path;
  std::string got = error.message();  // the path's name is too long, or a folder may not be entered
  if (!error) {
    got = fs::exists(path, error) ? "a path without config.json, *.safetensors and checkpoint-<step>"
                                  : "a path that does not exist";
  }
  throw CheckpointError(path.string(), "no checkpoint here", got, "a checkpoint directory or a run folder");
}

OpenCheckpoint::OpenCheckpoint(const fs::path& path) {
  constexpr int kAttempts = 100;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    path_ = find_checkpoint(path);
    lock_.emplace(path_, core::DirectoryLock::Kind::kShared);
    std::error_code ignored;
    if (!lock_->refused() && fs::exists(path_, ignored)) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));  // it is being removed: there may be a newer one
  }
}

}  // namespace convllava::formats
