#include "convllava/eval/benchmark.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "convllava/core/error.h"
#include "convllava/core/files.h"
#include "convllava/core/json.h"

namespace convllava::eval {

Prediction parse_prediction(std::string_view line, const std::string& where) {
  const auto fail = [&where](std::string_view what, std::string_view got = "") {
    throw DataError(where, what, got, R"({"question_id": "...", "text": "..."} on a line of its own)");
  };
  nlohmann::json value;
  try {
    value = core::parse_python_json<nlohmann::json>(line);
  } catch (const core::JsonError& error) {
    fail("not JSON, or cut off in the middle", error.what());
  }
  if (!value.is_object() || !value.contains("question_id") || !value.contains("text")) fail("not a prediction");
  const auto& id = value["question_id"];
  if (!id.is_string() && !id.is_number_integer()) {
    fail("\"question_id\" is neither text nor a whole number", id.type_name());
  }
  if (!value["text"].is_string()) fail("\"text\" is not text", value["text"].type_name());
  const auto text_of = [&value](const char* field) {
    const auto found = value.find(field);
    return found != value.end() && found->is_string() ? found->get<std::string>() : "";
  };
  return {id.is_string() ? id.get<std::string>() : id.dump(), text_of("text"), text_of("error"), 0, text_of("prompt")};
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
