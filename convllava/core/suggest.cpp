#include "convllava/core/suggest.h"

#include <algorithm>
#include <utility>

#include "convllava/core/edit_distance.h"
#include "convllava/core/unicode.h"

namespace convllava::core {

namespace {

/// Other words for a name, although another name has fewer edits.
constexpr std::pair<std::string_view, std::string_view> kSynonyms[] = {{"gpu", "cuda"},      {"fp16", "bf16"},
                                                                       {"float16", "bf16"},  {"half", "bf16"},
                                                                       {"bfloat16", "bf16"}, {"float32", "fp32"}};

}  // namespace

std::string nearest_name(std::string_view name, const std::vector<std::string>& candidates) {
  const std::string folded = lower(name);
  for (const auto& [synonym, meant] : kSynonyms) {
    if (folded == synonym && std::find(candidates.begin(), candidates.end(), meant) != candidates.end()) {
      return std::string(meant);
    }
  }
  const std::u32string lower_name = code_points(folded);
  const size_t size = lower_name.size();
  size_t best = std::min(std::max<size_t>(2, size / 3) + 1, size);  // one more than the edits that are allowed
  std::string nearest;
  for (const auto& candidate : candidates) {
    const size_t distance = edit_distance(lower_name, code_points(lower(candidate)));
    if (distance < best) {
      best = distance;
      nearest = candidate;
    }
  }
  return nearest;
}

std::string join(const std::vector<std::string>& parts, std::string_view separator) {
  std::string text;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) text += separator;
    text += parts[i];
  }
  return text;
}

std::string one_of(const std::vector<std::string>& names, std::string_view given, std::string_view quote) {
  std::string text = "one of " + join(names);
  const std::string nearest = nearest_name(given, names);
  if (!nearest.empty()) text.append(" (did you mean ").append(quote).append(nearest).append(quote).append("?)");
  return text;
}

}  // namespace convllava::core
