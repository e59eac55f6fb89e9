#include "convllava/eval/benchmark.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "convllava/core/error.h"
#include "convllava/core/files.h"
#include "convllava/core/json.h"
#include "convllava/core/json_fields.h"

namespace convllava::eval {

Prediction parse_prediction(std::string_view line, const std::string& where) {
  nlohmann::json value;
  try {
    value = core::parse_python_json<nlohmann::json>(line);
  } catch (const core::JsonError& error) {
    throw DataError(where, "invalid JSON", error.what(), R"({"question_id": "...", "text": "..."} on one line)");
  }
  const core::JsonFields fields(value, where);
  // Other programs may store anything under these names.
  const auto optional_text = [&fields](const char* field) {
    const auto* found = fields.find(field);
    return found != nullptr && found->is_string() ? found->get<std::string>() : "";
  };
  return {fields.id("question_id"), fields.text("text"), optional_text("error"), 0, optional_text("prompt")};
}

std::string prediction_line(const Prediction& prediction) {
  nlohmann::ordered_json value = {{"question_id", prediction.id}, {"text", prediction.text}};
  if (!prediction.error.empty()) value["error"] = prediction.error;
  // A model's bytes need not be UTF-8.
  return value.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

std::vector<Prediction> read_predictions(const std::filesystem::path& path) {
  const std::string bytes = core::read_file(path);
  std::vector<Prediction> predictions;
  int64_t number = 0;
  for (size_t begin = 0; begin < bytes.size();) {
    const size_t end = std::min(bytes.find('\n', begin), bytes.size());
    const std::string_view line = std::string_view(bytes).substr(begin, end - begin);
    begin = end + 1;
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    predictions.push_back(parse_prediction(line, fmt::format("{}:{}", path.string(), number)));
    predictions.back().line = number;
  }
  return predictions;
}

}  // namespace convllava::eval
