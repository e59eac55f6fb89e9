#include "convllava/checkpoint/run_folder.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <string>
#include <string_view>

#include "convllava/core/files.h"
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
    core::log_info(fmt::format("{}: removed, because checkpoint-{} is complete", path.string(), newest_step));
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
  if (error) core::log_warning(fmt::format("{}: cannot restore: {}", checkpoint.path.string(), error.message()));
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

void remove_old_checkpoints(const fs::path& run, int64_t keep_last) {
  clear_interrupted_saves(run);
  const auto found = list_checkpoints(run);
  const auto kept = static_cast<size_t>(std::max<int64_t>(keep_last, 0));
  for (size_t i = 0; i + kept < found.size(); ++i) remove_checkpoint(found[i]);
  if (!found.empty()) remove_passed_damage(run, found.back().step);
}

}  // namespace convllava::checkpoint
