#include "convllava/eval/benchmarks/vqa_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <unordered_map>
#include <unordered_set>

#include "convllava/core/error.h"
#include "convllava/core/files.h"
#include "convllava/core/json.h"
#include "convllava/core/suggest.h"

namespace convllava::eval {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

json parse_file(const fs::path& file) {
  constexpr std::string_view kExpected = "JSON in the benchmark's official layout";
  const std::string bytes = core::read_file(file);
  if (bytes.find_first_not_of(" \t\r\n") == std::string::npos) {
    throw DataError(file.string(), "the file is empty", "", kExpected);
  }
  try {
    return core::parse_python_json<json>(bytes);
  } catch (const core::JsonError& error) {
    if (!error.offset()) {
      throw DataError(file.string(), "a number that cannot be represented", error.what(), kExpected);
    }
    const auto stop = bytes.begin() + static_cast<std::ptrdiff_t>(*error.offset());
    throw DataError(fmt::format("{}:{}", file.string(), 1 + std::count(bytes.begin(), stop, '\n')),
                    stop == bytes.end() ? "the file ends in the middle" : "not JSON", error.what(), kExpected);
  }
}

[[noreturn]] void fail(const std::string& where, const std::string& field, const json& entry,
                       const std::string& expected) {
  const auto found = entry.find(field);
  const char* what = "has the wrong type";
  std::string got;
  if (found == entry.end()) {
    what = "is absent";
  } else if (*found == "") {
    what = "is empty";
  } else {
    got = core::json_excerpt(*found);
  }
  throw DataError(where, fmt::format("\"{}\" {}", field, what), got, expected);
}

/// Text, or a whole number as text; "" when the field is absent.
std::string optional_text(const json& entry, const std::string& field, const std::string& where) {
  const auto found = entry.find(field);
  if (found == entry.end() || found->is_null()) return "";
  if (found->is_number_integer()) return found->dump();
  if (!found->is_string()) fail(where, field, entry, "text");
  return found->get<std::string>();
}

std::string required_text(const json& entry, const std::string& field, const std::string& where) {
  const std::string value = optional_text(entry, field, where);
  if (value.empty()) fail(where, field, entry, "text");
  return value;
}

std::vector<std::string> answers(const json& entry, const std::string& where) {
  const auto found = entry.find("answers");
  if (found == entry.end() || found->is_null()) return {};
  const bool texts = found->is_array() &&
                     std::all_of(found->begin(), found->end(), [](const json& answer) { return answer.is_string(); });
  if (!texts) fail(where, "answers", entry, "a list of texts");
  return found->get<std::vector<std::string>>();
}

VqaEntry read_entry(const json& entry, const std::string& id_field, std::string where) {
  if (!entry.is_object()) throw DataError(where, "not an object", entry.type_name());
  VqaEntry read;
  read.id = required_text(entry, id_field, where);
  read.question = required_text(entry, "question", where);
  if (const auto image = entry.find("image"); image != entry.end() && image->is_number()) {
    fail(where, "image", entry, "a path");
  }
  read.image = optional_text(entry, "image", where);
  read.image_id = optional_text(entry, "image_id", where);
  read.image_local_name = optional_text(entry, "image_local_name", where);
  read.set_name = optional_text(entry, "set_name", where);
  read.kind = optional_text(entry, "question_kind", where);
  read.answers = answers(entry, where);
  read.where = std::move(where);
  return read;
}

}  // namespace

fs::path find_vqa_file(const fs::path& data, const std::string& name) {
  std::error_code error;
  if (fs::is_regular_file(data, error)) return data;
  const bool is_folder = fs::is_directory(data, error);
  if (fs::is_regular_file(data / name, error)) return data / name;
  std::string got = is_folder ? "a folder without it" : "no such file or folder";
  // Anything else is a name that is too long or a folder that may not be entered.
  if (error && error != std::errc::no_such_file_or_directory && error != std::errc::not_a_directory) {
    got = error.message();
  }
  throw DataError(
      data.string(), "the benchmark's file is not there", got,
      fmt::format("a folder with {}, or the path of a file in that format, as for every other split", name));
}

std::vector<VqaEntry> read_vqa_file(const fs::path& file, const std::string& id_field) {
  const json root = parse_file(file);
  const auto data = root.is_object() ? root.find("data") : root.end();
  if (!root.is_object() || data == root.end() || !data->is_array() || data->empty()) {
    throw DataError(file.string(), "not in the benchmark's layout", root.type_name(),
                    "an object whose \"data\" is a list of questions");
  }
  std::vector<VqaEntry> entries;
  std::unordered_set<std::string> ids;
  for (const auto& entry : *data) {
    entries.push_back(read_entry(entry, id_field, fmt::format("{}: data[{}]", file.string(), entries.size())));
    if (!ids.insert(entries.back().id).second) {
      throw DataError(entries.back().where, fmt::format("\"{}\" was used before", id_field), entries.back().id,
                      "an id of its own for each question");
    }
  }
  return entries;
}

bool have_answers(const std::vector<VqaEntry>& entries) {
  const auto lacks = [](const VqaEntry& entry) { return entry.answers.empty(); };
  const auto first = std::find_if(entries.begin(), entries.end(), lacks);
  if (first == entries.end()) return true;
  if (std::all_of(entries.begin(), entries.end(), lacks)) return false;
  throw DataError(first->where, "has no reference answers, which other questions have", "",
                  "answers for each of them, or --predict-only");
}

std::string place_of(const Prediction& prediction, const fs::path& file) {
  return prediction.line > 0 ? fmt::format("{}:{}", file.string(), prediction.line) : file.string();
}

std::vector<std::string> predictions_in_order(const std::vector<VqaEntry>& entries,
                                              const std::vector<Prediction>& predictions, const fs::path& file) {
  std::unordered_map<std::string, const Prediction*> by_id;
  for (const auto& prediction : predictions) {
    const auto [first, is_new] = by_id.emplace(prediction.id, &prediction);
    if (is_new) continue;
    throw DataError(place_of(prediction, file), "a question is answered twice", prediction.id,
                    fmt::format("one answer, as in {}", place_of(*first->second, file)));
  }
  std::vector<std::string> texts;
  std::vector<std::string> missing;
  for (const auto& entry : entries) {
    if (entry.answers.empty()) {
      throw DataError(entry.where, "has no reference answers, so these predictions cannot be scored", "",
                      "a split with answers (val)");
    }
    const auto found = by_id.find(entry.id);
    if (found == by_id.end()) {
      missing.push_back(entry.id);
    } else {
      texts.push_back(found->second->text);
      by_id.erase(found);
    }
  }
  if (!missing.empty()) {
    const size_t count = missing.size();
    missing.resize(std::min<size_t>(count, 5));
    throw DataError(file.string(), "questions without an answer",
                    fmt::format("{} of {}, for example {}", count, entries.size(), core::join(missing)),
                    "one answer for each question");
  }
  for (const auto& prediction : predictions) {
    if (!by_id.contains(prediction.id)) continue;
    throw DataError(place_of(prediction, file), "an answer to a question that the benchmark does not have",
                    prediction.id, fmt::format("the ids of its {} questions", entries.size()));
  }
  return texts;
}

}  // namespace convllava::eval
