#include "convllava/checkpoint/retention.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <string>
#include <string_view>
#include <thread>

#include "convllava/checkpoint/whole_checkpoint.h"
#include "convllava/core/error.h"
#include "convllava/core/log.h"

namespace convllava::checkpoint {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kPrefix = "checkpoint-";
// A checkpoint on its way out has another name, so that half of one is never listed.
constexpr std::string_view kRemoved = ".removed";

/// The step of `checkpoint-<step>`, written as `step_directory` writes it.
std::optional<int64_t> step_of(std::string_view name) {
  if (!name.starts_with(kPrefix)) return std::nullopt;
  const std::string_view digits = name.substr(kPrefix.size());
  int64_t step = 0;
  const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), step);
  if (result.ec != std::errc() || step < 0 || std::to_string(step) != digits) return std::nullopt;
  return step;
}

/// The checkpoint that the hidden name `.checkpoint-<step><suffix>` was made for.
std::optional<int64_t> step_of_hidden(std::string_view name, std::string_view suffix) {
  if (!name.starts_with('.') || !name.ends_with(suffix)) return std::nullopt;
  return step_of(name.substr(1, name.size() - 1 - suffix.size()));
}

std::vector<fs::path> entries_of(const fs::path& run) {
  std::vector<fs::path> entries;
  std::error_code error;
  for (fs::directory_iterator entry(run, error), end; !error && entry != end; entry.increment(error)) {
    entries.push_back(entry->path());
  }
  return entries;
}

/// Weights without a config.json, as OpenCLIP writes them.
bool holds_weights(const fs::path& path) {
  const auto entries = entries_of(path);
  return std::any_of(entries.begin(), entries.end(), [](const auto& e) { return e.extension() == ".safetensors"; });
}

void remove_or_warn(const fs::path& path) {
  std::error_code error;
  fs::remove_all(path, error);
  if (error) core::log_warning(fmt::format("{}: cannot remove: {}", path.string(), error.message()));
}

/// Saves the answers and scores that `eval` left in a checkpoint from being removed with it. False where it cannot.
bool keep_evaluation(const fs::path& checkpoint, int64_t step) {
  std::error_code error;
  const fs::path results = checkpoint / "eval";
  if (!fs::is_directory(results, error) || fs::is_empty(results, error)) return true;
  const fs::path folder = checkpoint.parent_path() / "eval";
  const std::string name = step_directory(folder, step).filename();
  fs::path target = folder / name;
  for (int number = 2; fs::exists(target, error); ++number) target = folder / fmt::format("{}.{}", name, number);
  fs::create_directories(folder, error);
  if (!error) fs::rename(results, target, error);
  if (error) {
    core::log_warning(fmt::format("{}: not removed, because its results cannot be moved to {}: {}", checkpoint.string(),
                                  target.string(), error.message()));
    return false;
  }
  core::log_info(fmt::format("results of {} are kept in {}", name, target.string()));
  return true;
}

void remove_checkpoint(const StepDirectory& checkpoint) {
  const auto& path = checkpoint.path;
  const core::DirectoryLock lock(path, core::DirectoryLock::Kind::kExclusive);
  if (lock.refused()) {
    core::log_info(fmt::format("{}: not removed yet, because another program has it open", path.string()));
    return;
  }
  if (!keep_evaluation(path, checkpoint.step)) return;
  const fs::path outgoing = path.parent_path() / fmt::format(".{}{}", path.filename().string(), kRemoved);
  std::error_code error;
  fs::rename(path, outgoing, error);
  if (error) {
    core::log_warning(fmt::format("{}: cannot remove: {}", path.string(), error.message()));
  } else {
    remove_or_warn(outgoing);
  }
}

/// The step of `checkpoint-<step>.damaged`, perhaps with a number behind.
std::optional<int64_t> step_of_damaged(std::string_view name) {
  const size_t suffix = name.find(kDamaged);
  return suffix == std::string_view::npos ? std::nullopt : step_of(name.substr(0, suffix));
}

/// What was damaged and has been trained again is of no more use, and the disk has no room for it.
void remove_passed_damage(const fs::path& run, int64_t newest_step) {
  for (const auto& path : entries_of(run)) {
    const auto step = step_of_damaged(path.filename().string());
    if (!step || *step > newest_step || !keep_evaluation(path, *step)) continue;
    core::log_info(fmt::format("{}: removed, because checkpoint-{} is whole", path.string(), newest_step));
    remove_or_warn(path);
  }
}

/// A `.old` whose successor never came is the only copy of its step.
void remove_or_put_back(const fs::path& old, const StepDirectory& checkpoint) {
  std::error_code error;
  if (fs::exists(checkpoint.path, error)) {
    if (keep_evaluation(old, checkpoint.step)) remove_or_warn(old);
    return;
  }
  fs::rename(old, checkpoint.path, error);
  if (error) core::log_warning(fmt::format("{}: cannot be put back: {}", checkpoint.path.string(), error.message()));
}

/// Throws with the name of the newest whole checkpoint where the newest is damaged.
fs::path newest_usable(const fs::path& run, const std::vector<StepDirectory>& found) {
  const auto damage = damage_of_model(found.back().path);
  if (!damage) return found.back().path;
  for (auto other = found.rbegin() + 1; other != found.rend(); ++other) {
    if (!damage_of_model(other->path)) {
      throw CheckpointError(error_message(run.string(), "the newest checkpoint is damaged", *damage,
                                          other->path.string() + " to be named instead, which is whole"));
    }
  }
  return found.back().path;
}

}  // namespace

fs::path step_directory(const fs::path& run, int64_t step) { return run / fmt::format("{}{}", kPrefix, step); }

std::vector<StepDirectory> list_checkpoints(const fs::path& run) {
  std::vector<StepDirectory> found;
  for (const auto& path : entries_of(run)) {
    const auto step = step_of(path.filename().string());
    std::error_code ignored;
    // Also a link whose target is gone: it is the newest checkpoint, and damaged.
    if (step && (fs::is_directory(path, ignored) || fs::is_symlink(path, ignored))) found.push_back({*step, path});
  }
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.step < b.step; });
  return found;
}

std::optional<StepDirectory> latest_checkpoint(const fs::path& run) {
  const auto found = list_checkpoints(run);
  return found.empty() ? std::nullopt : std::optional(found.back());
}

fs::path find_checkpoint(const fs::path& path) {
  std::error_code error;
  if (fs::exists(path / "config.json", error)) return path;
  if (const auto found = list_checkpoints(path); !found.empty()) return newest_usable(path, found);
  if (holds_weights(path)) return path;
  std::string got = error.message();  // the path's name is too long, or a folder may not be entered
  if (!error) {
    got = fs::exists(path, error) ? "a path without config.json, *.safetensors and checkpoint-<step>"
                                  : "a path that does not exist";
  }
  throw CheckpointError(
      error_message(path.string(), "no checkpoint here", got, "a checkpoint directory or a run folder"));
}

void clear_interrupted_saves(const fs::path& run) {
  for (const auto& path : entries_of(run)) {
    const std::string name = path.filename().string();
    if (step_of_hidden(name, ".tmp") || step_of_hidden(name, kRemoved)) {
      remove_or_warn(path);
    } else if (const auto step = step_of_hidden(name, ".old")) {
      remove_or_put_back(path, {*step, step_directory(run, *step)});
    }
  }
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

void remove_old_checkpoints(const fs::path& run, int64_t keep_last) {
  clear_interrupted_saves(run);
  const auto found = list_checkpoints(run);
  const auto kept = static_cast<size_t>(std::max<int64_t>(keep_last, 0));
  for (size_t i = 0; i + kept < found.size(); ++i) remove_checkpoint(found[i]);
  if (!found.empty()) remove_passed_damage(run, found.back().step);
}

}  // namespace convllava::checkpoint
