#include "convllava/core/suggest.h"

#include <algorithm>
#include <numeric>

#include "convllava/core/unicode.h"

namespace convllava::core {

int edit_distance(std::string_view a, std::string_view b) {
  std::vector<int> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (size_t i = 1; i <= a.size(); ++i) {
    int diagonal = row[0];
    row[0] = static_cast<int>(i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const int substituted = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
    }
  }
  return row.back();
}

std::string nearest_name(std::string_view name, const std::vector<std::string>& candidates) {
  const auto size = static_cast<int>(name.size());
  int best = std::min(std::max(2, size / 3), size - 1) + 1;
  std::string nearest;
  const std::string lower_name = lower(name);
  for (const auto& candidate : candidates) {
    const int distance = edit_distance(lower_name, lower(candidate));
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
