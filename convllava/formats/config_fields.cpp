#include "convllava/formats/config_fields.h"

#include <fmt/format.h>

namespace convllava::formats {

int64_t read_size(const checkpoint::JsonObject& file, const char* field, int64_t most,
                  std::optional<int64_t> fallback) {
  const int64_t size = file.whole(field, fallback);
  if (size > most) file.fail_value(field, fmt::format("at most {}", most));
  return size;
}

std::vector<int64_t> read_sizes(const checkpoint::JsonObject& file, const char* field, int64_t most) {
  const auto sizes = file.whole_list(field);
  for (const int64_t size : sizes) {
    if (size > most) file.fail_value(field, fmt::format("at most {} each", most));
  }
  return sizes;
}

std::string choices(const std::vector<std::string_view>& names) {
  std::string text;
  for (size_t i = 0; i < names.size(); ++i) {
    if (i > 0) text.append(i + 1 == names.size() ? " or " : ", ");
    text.append("\"").append(names[i]).append("\"");
  }
  return text;
}

}  // namespace convllava::formats
