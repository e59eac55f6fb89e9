#include "convllava/stage/resume_point.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "convllava/checkpoint/checksums.h"
#include "convllava/checkpoint/file_access.h"
#include "convllava/checkpoint/safetensors.h"
#include "convllava/checkpoint/training_state.h"
#include "convllava/core/error.h"
#include "convllava/core/log.h"
#include "convllava/formats/model_directory.h"
#include "convllava/formats/open_checkpoint.h"
#include "convllava/formats/preprocessor_check.h"
#include "convllava/infer/pretrained.h"
#include "convllava/nn/libtorch.h"

namespace convllava::stage {
namespace fs = std::filesystem;
namespace {

/// All that a run of this project is resumed from.
std::optional<std::string> damage_of(const fs::path& directory) {
  try {
    checkpoint::check_files(directory);
  } catch (const CheckpointError& error) {
    return error.what();
  }
  if (auto damage = formats::damage_of_model(directory)) return damage;
  try {
    if (!checkpoint::read_record(directory)) {
      throw CheckpointError(directory.string(), "there is no convllava.yaml");
    }
    checkpoint::load_training_state(directory);
    return std::nullopt;
  } catch (const CheckpointError& error) {
    return error.what();
  }
}

/// checkpoint-40.damaged, or the first free one of checkpoint-40.damaged-2, ...
fs::path free_name(const fs::path& path) {
  fs::path name = fmt::format("{}{}", path.string(), checkpoint::kDamaged);
  for (int number = 2; checkpoint::path_exists(name); ++number)
    name = fmt::format("{}{}-{}", path.string(), checkpoint::kDamaged, number);
  return name;
}

}  // namespace

ResumePoint find_resume_point(const fs::path& run) {
  ResumePoint point;
  auto newest_first = checkpoint::list_checkpoints(run);
  std::reverse(newest_first.begin(), newest_first.end());
  for (const auto& found : newest_first) {
    const auto reason = damage_of(found.path);
    if (!reason) {
      point.from = found;
      return point;
    }
    point.damaged.push_back({found.path, *reason});
  }
  if (point.damaged.empty()) return point;
  throw CheckpointError(run.string(), "cannot resume: every checkpoint is damaged", point.damaged.front().reason,
                        "a whole checkpoint-<step>, or another output_dir");
}

void set_aside(const std::vector<DamagedCheckpoint>& damaged) {
  for (const auto& [path, reason] : damaged) {
    const fs::path name = free_name(path);
    std::error_code error;
    fs::rename(path, name, error);
    if (error) {
      throw CheckpointError(path.string(), "the damaged checkpoint cannot be renamed", error.message(), name.string());
    }
    core::log_warning(
        fmt::format("{} is damaged ({}); renamed to {}", path.string(), reason, name.filename().string()));
  }
}

}  // namespace convllava::stage
