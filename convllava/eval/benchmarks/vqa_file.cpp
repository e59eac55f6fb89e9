#include "convllava/eval/benchmarks/vqa_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <unordered_map>
#include <unordered_set>

#include "convllava/core/error.h"
#include "convllava/core/files.h"
#include "convllava/core/json.h"
#include "convllava/core/json_fields.h"
#include "convllava/core/suggest.h"

namespace convllava::eval {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

json parse_file(const fs::path& file) {
  constexpr std::string_view kExpected = "JSON in the benchmark's official format";
  const std::string bytes = core::read_file(file);
  if (bytes.find_first_not_of(" \t\r\n") == std::string::npos) {
    throw DataError(file.string(), "the file is empty", "", kExpected);
  }
  try {
    return core::parse_python_json<json>(bytes);
  } catch (const core::JsonError& error) {
    if (!error.offset()) {
      throw DataError(file.string(), "a number is out of range", error.what(), kExpected);
    }
    const auto stop = bytes.begin() + static_cast<std::ptrdiff_t>(*error.offset());
    throw DataError(fmt::format("{}:{}", file.string(), 1 + std::count(bytes.begin(), stop, '\n')),
                    stop == bytes.end() ? "the file is incomplete" : "invalid JSON", error.what(), kExpected);
  }
}

using Fields = core::JsonFields<json>;

/// The field's text is required and not empty.
std::string filled(const Fields& entry, const char* field, std::string value) {
  if (value.empty()) entry.fail(field, "the field is empty", "text");
  return value;
}

VqaEntry read_entry(const Fields& entry, const char* id_field) {
  VqaEntry read;
  read.id = filled(entry, id_field, entry.id(id_field));
  read.question = filled(entry, "question", entry.text("question"));
  read.image = entry.text("image", "");
  read.image_id = entry.id("image_id", "");
  read.image_local_name = entry.text("image_local_name", "");
  read.set_name = entry.text("set_name", "");
  read.kind = entry.text("question_kind", "");
  read.answers = entry.texts("answers");
  read.where = entry.where();
  return read;
}

}  // namespace

fs::path find_vqa_file(const fs::path& data, const std::string& name) {
  std::error_code error;
  if (fs::is_regular_file(data, error)) return data;
  const bool is_folder = fs::is_directory(data, error);
  if (fs::is_regular_file(data / name, error)) return data / name;
  std::string got = is_folder ? "a folder without " + name : "no such file or folder";
  // Anything else is a name that is too long or a folder that may not be entered.
  if (error && error != std::errc::no_such_file_or_directory && error != std::errc::not_a_directory) {
    got = error.message();
  }
  throw DataError(data.string(), "the benchmark's file was not found", got,
                  fmt::format("a folder with {}, or the path of another split's file", name));
}

std::vector<VqaEntry> read_vqa_file(const fs::path& file, const std::string& id_field) {
  const json root = parse_file(file);
  const Fields fields(root, file.string());
  const json* data = fields.find("data");
  if (data == nullptr || !data->is_array()) fields.fail("data", "not a list of questions", "a list of questions");
  if (data->empty()) fields.fail("data", "the file has no questions", "at least one question");
  std::vector<VqaEntry> entries;
  std::unordered_set<std::string> ids;
  for (const auto& entry : *data) {
    const Fields question(entry, fmt::format("{}: data[{}]", file.string(), entries.size()));
    entries.push_back(read_entry(question, id_field.c_str()));
    if (!ids.insert(entries.back().id).second) {
      question.fail(id_field.c_str(), "the id occurs twice", "a unique id for each question");
    }
  }
  return entries;
}

bool have_answers(const std::vector<VqaEntry>& entries) {
  const auto lacks = [](const VqaEntry& entry) { return entry.answers.empty(); };
  const auto first = std::find_if(entries.begin(), entries.end(), lacks);
  if (first == entries.end()) return true;
  if (std::all_of(entries.begin(), entries.end(), lacks)) return false;
  throw DataError(first->where,
                  "no reference answers, but other questions have some. Use --predict-only to skip scoring", "",
                  "answers for every question, or for none");
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
    throw DataError(place_of(prediction, file), "the question has two answers", prediction.id,
                    fmt::format("only the answer in {}", place_of(*first->second, file)));
  }
  std::vector<std::string> texts;
  std::vector<std::string> missing;
  for (const auto& entry : entries) {
    if (entry.answers.empty()) {
      throw DataError(entry.where, "no reference answers to score with", "", "a split with answers, such as val");
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
    throw DataError(file.string(), "some questions have no answer",
                    fmt::format("{} of {}, for example {}", count, entries.size(), core::join(missing)),
                    "one answer for each question");
  }
  for (const auto& prediction : predictions) {
    if (!by_id.contains(prediction.id)) continue;
    throw DataError(place_of(prediction, file), "unknown question id", prediction.id,
                    fmt::format("the id of one of the benchmark's {} questions", entries.size()));
  }
  return texts;
}

}  // namespace convllava::eval
