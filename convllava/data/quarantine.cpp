#include "convllava/data/quarantine.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "convllava/core/log.h"

namespace convllava::data {
namespace {

constexpr int64_t kMostWarnings = 10;

}  // namespace

void QuarantineOptions::visit_fields(config::FieldVisitor& visitor) {
  visitor.field(
      "max_bad_share", max_bad_share,
      "Share of the samples that may be unusable before the run fails. Each one is skipped, counted and listed "
      "in `quarantine.jsonl`.",
      {0, 1});
}

bool too_many_bad(int64_t bad, int64_t all, double max_bad_share) {
  return static_cast<double>(bad) > max_bad_share * static_cast<double>(all);
}

DataError bad_share_error(const std::string& where, const std::string& what, const std::string& got,
                          double max_bad_share) {
  return DataError(where, what, got, fmt::format("at most a share of {} (data.max_bad_share)", max_bad_share));
}

void check_known_bad(const DataSelection& selection, double max_bad_share) {
  const auto& members = selection.members;  // ascending
  std::vector<BadSample> bad = selection.dataset->bad_records();
  std::erase_if(bad, [&](const auto& b) { return !std::binary_search(members.begin(), members.end(), b.index); });
  if (bad.empty()) return;
  const std::string count = fmt::format("{} of {}, the first: {}", bad.size(), members.size(), bad.front().message);
  if (too_many_bad(static_cast<int64_t>(bad.size()), static_cast<int64_t>(members.size()), max_bad_share)) {
    throw bad_share_error("data.train", "too many records cannot be used", count, max_bad_share);
  }
  core::log_warning("data.train: unusable records: " + count);
}

Quarantine::Quarantine(const std::filesystem::path& run, int rank)
    : file_(run / (rank == 0 ? "quarantine.jsonl" : fmt::format("quarantine.rank{}.jsonl", rank))) {
  std::ifstream stream(file_);
  for (std::string line; std::getline(stream, line);) listed_.insert(line);
}

void Quarantine::add(const std::vector<BadSample>& samples) {
  if (samples.empty()) return;
  std::ofstream stream(file_, std::ios::app);
  for (const auto& sample : samples) {
    last_message_ = sample.message;
    // A path need not be UTF-8.
    const std::string line = nlohmann::json{{"index", sample.index}, {"message", sample.message}}.dump(
        -1, ' ', false, nlohmann::json::error_handler_t::replace);
    if (!listed_.insert(line).second) continue;
    ++warnings_;
    if (warnings_ <= kMostWarnings) core::log_warning("skipped: " + sample.message);
    if (warnings_ == kMostWarnings + 1) {
      core::log_warning("more skipped samples are listed in " + file_.string() + " only");
    }
    stream << line << "\n";
  }
  stream.flush();
  if (!stream) throw CheckpointError(file_.string(), "cannot write", std::strerror(errno));
}

}  // namespace convllava::data
