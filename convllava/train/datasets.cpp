#include "convllava/train/datasets.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <tuple>

#include "convllava/core/log.h"

namespace convllava::train {
namespace {

std::shared_ptr<const data::Dataset> open_sets(const config::TrainConfig& config,
                                               const std::vector<config::DataSource>& sets, int64_t total_stride,
                                               const text::Tokenizer& tokenizer) {
  std::vector<data::SourceFiles> files;
  for (const auto& set : sets) {
    files.push_back({config::resolve_data_path(config.data, set.annotations),
                     config::resolve_data_path(config.data, set.images), set.weight});
  }
  const data::SampleOptions options{.prompt_template = config.data.prompt_template,
                                    .image = config.image,
                                    .total_stride = total_stride,
                                    .max_length = config.data.max_length};
  return std::make_shared<data::Dataset>(std::move(files), options, tokenizer);
}

void add_sets(DataIdentity& identity, const char* list, const config::DataConfig& data,
              const std::vector<config::DataSource>& sets, const data::Dataset& dataset) {
  const auto contents = dataset.fingerprints();
  for (size_t i = 0; i < sets.size(); ++i) {
    identity.sets.push_back({list, config::resolve_data_path(data, sets[i].annotations), contents[i], sets[i].weight});
  }
}

constexpr int64_t kMostWarnings = 10;

std::vector<int64_t> all_of(const data::Dataset& dataset) { return dataset.split(0.0, 0).first; }

}  // namespace

bool too_many_bad(int64_t bad, int64_t all, double max_bad_share) {
  return static_cast<double>(bad) > max_bad_share * static_cast<double>(all);
}

DataError bad_share_error(const std::string& where, const std::string& what, const std::string& got,
                          double max_bad_share) {
  return DataError(
      error_message(where, what, got, fmt::format("at most a share of {} (data.max_bad_share)", max_bad_share)));
}

void check_known_bad(const DataSelection& selection, double max_bad_share) {
  const auto& members = selection.members;  // ascending
  std::vector<data::BadSample> bad = selection.dataset->bad_records();
  std::erase_if(bad, [&](const auto& b) { return !std::binary_search(members.begin(), members.end(), b.index); });
  if (bad.empty()) return;
  const std::string count = fmt::format("{} of {}, the first: {}", bad.size(), members.size(), bad.front().message);
  if (too_many_bad(static_cast<int64_t>(bad.size()), static_cast<int64_t>(members.size()), max_bad_share)) {
    throw bad_share_error("data.train", "too many records cannot be used", count, max_bad_share);
  }
  core::log_warning("data.train: records that cannot be used: " + count);
}

RunData open_data(const config::TrainConfig& config, int64_t total_stride, const text::Tokenizer& tokenizer) {
  RunData data;
  data.train.dataset = open_sets(config, config.data.train, total_stride, tokenizer);
  if (config.data.validation.empty()) {
    std::tie(data.train.members, data.validation.members) =
        data.train.dataset->split(config.data.validation_share, static_cast<uint64_t>(config.seed));
    if (!data.validation.members.empty()) data.validation.dataset = data.train.dataset;
  } else {
    data.train.members = all_of(*data.train.dataset);
    data.validation.dataset = open_sets(config, config.data.validation, total_stride, tokenizer);
    data.validation.members = all_of(*data.validation.dataset);
  }
  if (data.train.members.empty()) {
    const bool split = !data.validation.members.empty() && config.data.validation.empty();
    throw DataError(error_message(
        "data.train", "there is nothing to train on", "0 records",
        split ? "more than one picture, or no data.validation_share, which took them all" : "at least 1"));
  }
  data.identity.records = data.train.dataset->size();
  data.identity.training = data.train.members;
  data.identity.validation = data.validation.members;
  add_sets(data.identity, "train", config.data, config.data.train, *data.train.dataset);
  if (!config.data.validation.empty()) {
    add_sets(data.identity, "validation", config.data, config.data.validation, *data.validation.dataset);
  }
  core::log_info(fmt::format("data: {} training and {} validation samples", data.train.members.size(),
                             data.validation.members.size()));
  return data;
}

Quarantine::Quarantine(const std::filesystem::path& run, int rank)
    : file_(run / (rank == 0 ? "quarantine.jsonl" : fmt::format("quarantine.rank{}.jsonl", rank))) {
  std::ifstream stream(file_);
  for (std::string line; std::getline(stream, line);) listed_.insert(line);
}

void Quarantine::add(const std::vector<data::BadSample>& samples) {
  if (samples.empty()) return;
  std::ofstream stream(file_, std::ios::app);
  for (const auto& sample : samples) {
    last_message_ = sample.message;
    // A path need not be UTF-8.
    const std::string line = nlohmann::json{{"index", sample.index}, {"message", sample.message}}.dump(
        -1, ' ', false, nlohmann::json::error_handler_t::replace);
    if (!listed_.insert(line).second) continue;
    ++warnings_;
    if (warnings_ <= kMostWarnings) core::log_warning("left out: " + sample.message);
    if (warnings_ == kMostWarnings + 1) {
      core::log_warning("others that are left out are listed in " + file_.string() + " only");
    }
    stream << line << "\n";
  }
  stream.flush();
  if (!stream) throw CheckpointError(error_message(file_.string(), "cannot write", std::strerror(errno)));
}

}  // namespace convllava::train
