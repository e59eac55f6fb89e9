#include "convllava/core/suggest.h"

#include <algorithm>

#include "convllava/core/edit_distance.h"
#include "convllava/core/unicode.h"

namespace convllava::core {

std::string nearest_name(std::string_view name, const std::vector<std::string>& candidates) {
  const std::u32string lower_name = code_points(lower(name));
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
