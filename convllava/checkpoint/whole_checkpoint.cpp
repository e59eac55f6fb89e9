#include "convllava/checkpoint/whole_checkpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "convllava/checkpoint/file_access.h"
#include "convllava/checkpoint/model_directory.h"
#include "convllava/checkpoint/preprocessor_check.h"
#include "convllava/checkpoint/pretrained.h"
#include "convllava/checkpoint/safetensors.h"
#include "convllava/checkpoint/training_state.h"
#include "convllava/core/error.h"
#include "convllava/core/log.h"
#include "convllava/nn/libtorch.h"

namespace convllava::checkpoint {
namespace fs = std::filesystem;
namespace {

std::optional<std::string> reason_of(const std::function<void()>& look) {
  try {
    look();
    return std::nullopt;
  } catch (const CheckpointError& error) {
    return error.what();
  }
}

void look_at_model(const fs::path& directory) {
  const auto shape = read_model_config(directory);
  check_model(directory, *model::ConvLlava(shape, torch::TensorOptions(torch::kMeta)));
  check_preprocessor(directory);
  if (read_record(directory)) load_tokenizer(directory);  // other programs' checkpoints may have theirs elsewhere
}

/// All that a run of this project goes on from.
void look_at_all(const fs::path& directory) {
  look_at_model(directory);
  if (!read_record(directory)) {
    throw CheckpointError(error_message(directory.string(), "there is no convllava.yaml"));
  }
  load_training_state(directory);
}

/// checkpoint-40.damaged, or the first free one of checkpoint-40.damaged-2, ...
fs::path free_name(const fs::path& path) {
  fs::path name = fmt::format("{}{}", path.string(), kDamaged);
  for (int number = 2; path_exists(name); ++number) name = fmt::format("{}{}-{}", path.string(), kDamaged, number);
  return name;
}

}  // namespace

std::optional<std::string> damage_of_model(const fs::path& directory) {
  return reason_of([&] { look_at_model(directory); });
}

ResumePoint find_resume_point(const fs::path& run) {
  ResumePoint point;
  auto found = list_checkpoints(run);
  std::reverse(found.begin(), found.end());
  for (const auto& checkpoint : found) {
    const auto reason = reason_of([&] { look_at_all(checkpoint.path); });
    if (!reason) {
      point.from = checkpoint;
      return point;
    }
    point.damaged.push_back({checkpoint.path, *reason});
  }
  if (point.damaged.empty()) return point;
  throw CheckpointError(error_message(run.string(), "the run cannot go on: none of its checkpoints is whole",
                                      point.damaged.front().reason,
                                      "a whole checkpoint-<step>, or another output_dir"));
}

void set_aside(const std::vector<DamagedCheckpoint>& damaged) {
  for (const auto& [path, reason] : damaged) {
    const fs::path name = free_name(path);
    std::error_code error;
    fs::rename(path, name, error);
    if (error) {
      throw CheckpointError(
          error_message(path.string(), "the damaged checkpoint cannot be renamed", error.message(), name.string()));
    }
    core::log_warning(
        fmt::format("{} is damaged ({}); renamed to {}", path.string(), reason, name.filename().string()));
  }
}

}  // namespace convllava::checkpoint
