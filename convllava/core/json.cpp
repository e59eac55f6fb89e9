#include "convllava/core/json.h"

namespace convllava::core {

void check_json_text(std::string_view text) {
  if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF")) {
    throw JsonError("text in UTF-16; JSON is read in UTF-8", 0);
  }
  size_t depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\0') throw JsonError("a NUL byte", i);
    if (c == '"') {
      in_string = !in_string;
    } else if (in_string) {
      if (c == '\\' && i + 1 < text.size() && text[i + 1] != '\0') ++i;
    } else if (c == '[' || c == '{') {
      if (++depth > kMaxJsonDepth) {
        throw JsonError("more than " + std::to_string(kMaxJsonDepth) + " values nested in each other", i);
      }
    } else if ((c == ']' || c == '}') && depth > 0) {
      --depth;
    }
  }
}

std::string json_reason(std::string_view what) {
  if (const size_t column = what.find(", column "); column != std::string_view::npos) {
    what.remove_prefix(what.find(": ", column) + 2);
  } else if (const size_t id = what.find("] "); id != std::string_view::npos) {
    what.remove_prefix(id + 2);
  }
  return std::string(what.substr(0, what.find("; last read")));
}

}  // namespace convllava::core
