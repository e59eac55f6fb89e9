#pragma once

// What nlohmann/json has against a text, for messages.

#include <string>
#include <string_view>

namespace convllava::core {

/// The reason in the `what()` of its exception: without the exception's name, without the position, and without the
/// text that was read last, which may be any bytes.
inline std::string json_reason(std::string_view text) {
  if (const size_t column = text.find(", column "); column != std::string_view::npos) {
    text.remove_prefix(text.find(": ", column) + 2);
  } else if (const size_t id = text.find("] "); id != std::string_view::npos) {
    text.remove_prefix(id + 2);
  }
  return std::string(text.substr(0, text.find("; last read")));
}

}  // namespace convllava::core
