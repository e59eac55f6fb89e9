#pragma once

// JSON files written by other programs. All readers use `parse_json`. It rejects text that nlohmann's parser accepts
// but that would crash later: values nested so deeply that copying or printing them exhausts the stack.

#include <algorithm>
#include <cmath>
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
/// As in Python, the last of two equal keys is used, and a byte order mark of UTF-8 is skipped. Throws JsonError.
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

/// `text` with each `NaN`, `Infinity` and `-Infinity` that is a value as a string of the same length, which
/// `constant_of` knows; nothing where there is none, or where the text holds U+007F, the mark of these strings.
std::optional<std::string> quote_constants(std::string_view text);
std::optional<double> constant_of(std::string_view quoted);

/// As `parse_json`, for files that Python writes and reads: `NaN`, `Infinity` and `-Infinity` are numbers. Use
/// `json_text` to show such a value.
template <class Json>
Json parse_python_json(std::string_view text) {
  try {
    return parse_json<Json>(text);
  } catch (const JsonError&) {
    const auto quoted = quote_constants(text);
    if (!quoted) throw;
    return parse_json<Json>(*quoted, [](int, typename Json::parse_event_t event, Json& value) {
      if (event == Json::parse_event_t::value && value.is_string()) {
        if (const auto number = constant_of(value.template get_ref<const std::string&>())) value = *number;
      }
      return true;
    });
  }
}

/// A value as JSON; numbers that are not finite as Python writes them.
template <class Json>
std::string json_text(const Json& value) {
  if (value.is_number_float()) {
    const double number = value;
    if (std::isnan(number)) return "NaN";
    if (std::isinf(number)) return number < 0 ? "-Infinity" : "Infinity";
  }
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

/// A value as JSON, for a message.
template <class Json>
std::string json_excerpt(const Json& value) {
  return excerpt(json_text(value));
}

}  // namespace convllava::core
