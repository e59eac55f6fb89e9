#include "convllava/eval/llava_answers.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include "convllava/core/error.h"
#include "convllava/core/unicode.h"
#include "convllava/data/json_scanner.h"

namespace convllava::eval {
namespace {

/// The question in a prompt: between "Question: " and " Short answer:", the line without "Reference OCR token", or the
/// first of two lines. Nothing where LLaVA's own script ends with an error.
std::optional<std::string_view> question_of(std::string_view prompt) {
  constexpr std::string_view kBegin = "Question: ";
  constexpr std::string_view kEnd = " Short answer:";
  if (prompt.starts_with("OCR tokens: ")) {
    const size_t begin = prompt.find(kBegin);
    const size_t end = begin == std::string_view::npos ? begin : prompt.find(kEnd, begin + kBegin.size());
    if (end == std::string_view::npos) return std::nullopt;
    return prompt.substr(begin + kBegin.size(), end - begin - kBegin.size());
  }
  const auto breaks = std::count(prompt.begin(), prompt.end(), '\n');
  const bool with_tokens = breaks == 2 && prompt.find("Reference OCR token: ") != std::string_view::npos;
  if (!with_tokens && breaks != 1) return std::nullopt;
  if (with_tokens && prompt.starts_with("Reference OCR token:")) prompt.remove_prefix(prompt.find('\n') + 1);
  return prompt.substr(0, prompt.find('\n'));
}

}  // namespace

bool are_llava_answers(const std::vector<VqaEntry>& entries, const std::vector<Prediction>& predictions) {
  if (predictions.empty() || predictions.front().prompt.empty()) return false;
  const std::string& id = predictions.front().id;
  const auto has = [&](auto is_id) { return std::any_of(entries.begin(), entries.end(), is_id); };
  return has([&](const VqaEntry& entry) { return entry.image_id == id; }) &&
         !has([&](const VqaEntry& entry) { return entry.id == id; });
}

void find_questions(std::vector<VqaEntry>& entries, std::vector<Prediction>& predictions,
                    const std::filesystem::path& file) {
  struct Same {
    std::vector<VqaEntry*> entries;
    size_t answered = 0;
  };
  std::map<std::pair<std::string, std::string>, Same> questions;
  for (auto& entry : entries) questions[{entry.image_id, core::lower(entry.question)}].entries.push_back(&entry);
  for (auto& [key, same] : questions) {
    for (auto* entry : same.entries) entry->answers = same.entries.back()->answers;
  }
  for (auto& prediction : predictions) {
    const auto question = question_of(prediction.prompt);
    if (!question) {
      throw DataError(place_of(prediction, file), "not a prompt of LLaVA", data::printable(prediction.prompt),
                      "a question, and a line that asks for a short answer");
    }
    const auto found = questions.find({prediction.id, core::lower(*question)});
    if (found == questions.end()) {
      throw DataError(place_of(prediction, file), "the benchmark has no such question about this image",
                      prediction.id + " " + data::printable(*question),
                      "an \"image_id\" and a \"question\" of the benchmark's file");
    }
    auto& [same, answered] = found->second;
    prediction.id = same[std::min(answered++, same.size() - 1)]->id;
  }
}

}  // namespace convllava::eval
