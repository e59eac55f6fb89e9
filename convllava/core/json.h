#pragma once

// JSON that others wrote. Every reader of it goes through `parse_json`, which refuses what nlohmann's parser lets pass
// and what would end the process later: values nested so deeply that copying or printing them exhausts the stack.

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "convllava/core/error.h"
#include "convllava/core/excerpt.h"

namespace convllava::core {

/// Arrays and objects that may be open at once: as many as safetensors' reader takes. (Python's json takes some 1000.)
inline constexpr size_t kMaxJsonDepth = 127;

/// Why a text is not read. The caller knows the file's name, and turns this into its own type of error.
class JsonError : public Error {
 public:
  JsonError(const std::string& reason, std::optional<size_t> offset) : Error(reason), offset_(offset) {}
  /// The byte at which reading stopped, or the size of a text that ends too early; absent for a number out of range.
  const std::optional<size_t>& offset() const { return offset_; }

 private:
  std::optional<size_t> offset_;
};

/// Throws JsonError for text that is nested too deeply, holds a NUL byte (nlohmann's parser ends there without a word)
/// or is not UTF-8 but UTF-16.
void check_json_text(std::string_view text);

/// The reason in the `what()` of nlohmann's exception: without its name, the position and the text that was read last,
/// which may be any bytes.
std::string json_reason(std::string_view what);

/// The value of a text. `Json` is nlohmann::json or nlohmann::ordered_json; headers here do not include that library.
/// As in Python, the last of two equal keys counts, and a byte order mark of UTF-8 is passed over. Throws JsonError.
template <class Json>
Json parse_json(std::string_view text, const typename Json::parser_callback_t& callback = nullptr) {
  check_json_text(text);
  try {
    return Json::parse(text.begin(), text.end(), callback);
  } catch (const typename Json::parse_error& error) {
    throw JsonError(json_reason(error.what()), std::min(std::max<size_t>(error.byte, 1) - 1, text.size()));
  } catch (const typename Json::exception& error) {
    throw JsonError(json_reason(error.what()), std::nullopt);
  }
}

/// A value as JSON, for a message.
template <class Json>
std::string json_excerpt(const Json& value) {
  return excerpt(value.dump(-1, ' ', false, Json::error_handler_t::replace));
}

}  // namespace convllava::core
