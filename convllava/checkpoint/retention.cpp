#include "convllava/checkpoint/retention.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <string>
#include <string_view>

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

/// What a save (core::PendingDirectory) or a removal that was interrupted left behind. A `.old` whose successor never
/// came stays: it is the only copy of its step.
bool is_leftover(const fs::path& path) {
  const std::string name = path.filename().string();
  if (step_of_hidden(name, ".tmp") || step_of_hidden(name, kRemoved)) return true;
  const auto replaced = step_of_hidden(name, ".old");
  std::error_code ignored;
  return replaced && fs::exists(step_directory(path.parent_path(), *replaced), ignored);
}

}  // namespace

fs::path step_directory(const fs::path& run, int64_t step) { return run / fmt::format("{}{}", kPrefix, step); }

std::vector<StepDirectory> list_checkpoints(const fs::path& run) {
  std::vector<StepDirectory> found;
  for (const auto& path : entries_of(run)) {
    const auto step = step_of(path.filename().string());
    std::error_code ignored;
    if (step && fs::is_directory(path, ignored)) found.push_back({*step, path});
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
  if (const auto latest = latest_checkpoint(path)) return latest->path;
  if (holds_weights(path)) return path;
  std::string got = error.message();  // the path's name is too long, or a folder may not be entered
  if (!error) {
    got = fs::exists(path, error) ? "a path without config.json, *.safetensors and checkpoint-<step>"
                                  : "a path that does not exist";
  }
  throw CheckpointError(
      error_message(path.string(), "no checkpoint here", got, "a checkpoint directory or a run folder"));
}

void remove_old_checkpoints(const fs::path& run, int64_t keep_last) {
  for (const auto& path : entries_of(run)) {
    if (is_leftover(path)) remove_or_warn(path);
  }
  const auto found = list_checkpoints(run);
  const auto kept = static_cast<size_t>(std::max<int64_t>(keep_last, 0));
  for (size_t i = 0; i + kept < found.size(); ++i) {
    const auto& path = found[i].path;
    const fs::path outgoing = run / fmt::format(".{}{}", path.filename().string(), kRemoved);
    std::error_code error;
    fs::rename(path, outgoing, error);
    if (error) {
      core::log_warning(fmt::format("{}: cannot remove: {}", path.string(), error.message()));
    } else {
      remove_or_warn(outgoing);
    }
  }
}

}  // namespace convllava::checkpoint
