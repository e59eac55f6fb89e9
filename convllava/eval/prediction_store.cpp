#include "convllava/eval/prediction_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "convllava/core/error.h"
#include "convllava/core/json.h"
#include "convllava/core/json_fields.h"
#include "convllava/eval/output.h"

namespace convllava::eval {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

constexpr const char* kIdentityFile = "predictions.json";
constexpr const char* kJoinedFile = "predictions.jsonl";

fs::path part_path(const fs::path& folder, int rank) { return folder / fmt::format("predictions.rank{}.jsonl", rank); }

std::vector<fs::path> part_paths(const fs::path& folder) {
  std::vector<fs::path> parts;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (name.starts_with("predictions.rank") && name.ends_with(".jsonl")) parts.push_back(entry->path());
  }
  if (error) throw DataError(folder.string(), "cannot list the folder", error.message());
  std::sort(parts.begin(), parts.end());
  return parts;
}

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

/// The complete lines of a file: its last line may be half written.
std::string finished_lines(const fs::path& path) {
  std::string bytes = core::read_file(path);
  bytes.resize(bytes.rfind('\n') + 1);  // npos + 1 is 0
  return bytes;
}

void check_identity(const fs::path& folder, const PredictionIdentity& identity) {
  const fs::path path = folder / kIdentityFile;
  if (!is_there(path)) {
    if (!is_there(folder / kJoinedFile) && part_paths(folder).empty()) return;
    throw ConfigError(path.string(),
                      "the file is missing, so the evaluation that wrote the answers in this folder is unknown. Choose "
                      "another --output, or delete the answers");
  }
  auto found = ordered_json::object();  // stays empty, so that no value is equal, where this program did not write it
  try {
    if (auto read = core::parse_json<ordered_json>(core::read_file(path)); read.is_object()) found = std::move(read);
  } catch (const core::JsonError&) {
  }
  // Older files have "pictures" for "images".
  if (!found.contains("images") && found.contains("pictures")) found["images"] = found["pictures"];
  const core::JsonFields fields(found, path.string());
  for (const auto& [name, value] : identity) {
    const std::string other = fields.text(name.c_str(), "unknown");
    if (other == value) continue;
    throw ConfigError({path.string(), name},
                      "the folder holds answers of a different evaluation. Choose another --output", other, value);
  }
}

}  // namespace

PredictionStore::PredictionStore(fs::path folder, PredictionIdentity identity, int rank)
    : folder_(std::move(folder)), identity_(std::move(identity)), rank_(rank) {
  make_output_folder(folder_);
  if (rank_ == 0) lock_ = std::make_unique<core::FolderLock>(folder_);
  check_identity(folder_, identity_);
  read_answers();
}

void PredictionStore::read_answers() {
  std::vector<fs::path> files = part_paths(folder_);
  if (is_there(folder_ / kJoinedFile)) files.insert(files.begin(), folder_ / kJoinedFile);
  for (const auto& file : files) {
    const std::string bytes = finished_lines(file);
    int64_t line = 0;
    for (size_t begin = 0; begin < bytes.size();) {
      const size_t end = bytes.find('\n', begin);
      const auto text = std::string_view(bytes).substr(begin, end - begin);
      auto prediction = parse_prediction(text, fmt::format("{}:{}", file.string(), ++line));
      begin = end + 1;
      const bool answered = has(prediction.id);  // an answer outweighs an error, whichever file comes first
      if (!answered || prediction.error.empty()) known_.insert_or_assign(prediction.id, prediction);
    }
  }
}

void PredictionStore::start() {
  if (rank_ == 0) {
    ordered_json value = ordered_json::object();
    for (const auto& [name, text] : identity_) value[name] = text;
    core::write_file_atomic(folder_ / kIdentityFile, value.dump(2) + "\n");
  }
  const fs::path path = part_path(folder_, rank_);
  if (is_there(path)) {
    std::error_code error;
    fs::resize_file(path, finished_lines(path).size(), error);
    if (error) throw DataError(path.string(), "cannot write", error.message());
  }
  part_.open(path, std::ios::binary | std::ios::app);
  if (!part_) {
    throw DataError(path.string(), "cannot open the file for writing", std::strerror(errno));
  }
}

void PredictionStore::append(const std::vector<Prediction>& predictions) {
  for (const auto& prediction : predictions) part_ << prediction_line(prediction) << '\n';
  part_.flush();
  if (!part_) {
    throw DataError(part_path(folder_, rank_).string(), "cannot write", std::strerror(errno));
  }
}

std::vector<Prediction> PredictionStore::join(const std::vector<Question>& questions) {
  part_.close();
  read_answers();
  std::vector<Prediction> predictions;
  std::string lines;
  for (const auto& question : questions) {
    const auto found = known_.find(question.id);
    if (found == known_.end()) {
      throw DataError(folder_.string(), "the answer of another rank is missing", question.id,
                      "an output folder that all ranks share");
    }
    predictions.push_back(found->second);
    lines += prediction_line(found->second) + "\n";
  }
  core::write_file_atomic(folder_ / kJoinedFile, lines);
  for (const auto& part : part_paths(folder_)) {
    std::error_code error;
    fs::remove(part, error);
    if (error) throw DataError(part.string(), "cannot delete", error.message());
  }
  return predictions;
}

}  // namespace convllava::eval
