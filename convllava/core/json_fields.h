#pragma once

// A JSON object of a data file, read field by field.

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "convllava/core/error.h"
#include "convllava/core/json.h"

namespace convllava::core {

/// Every error is a DataError with the place of the object, the field and its value. A null field is absent; without a
/// fallback an absent field is an error. `Json` is nlohmann::json or nlohmann::ordered_json.
template <class Json>
class JsonFields {
 public:
  /// `object` must live as long as this. Throws DataError when it is not an object.
  JsonFields(const Json& object, std::string where) : object_(object), where_(std::move(where)) {
    if (!object.is_object()) throw DataError(where_, "not a JSON object", object.type_name(), "{...}");
  }

  const std::string& where() const { return where_; }

  /// The value of a field, or null.
  const Json* find(const char* field) const {
    const auto found = object_.find(field);
    return found == object_.end() || found->is_null() ? nullptr : &*found;
  }

  std::string text(const char* field, const std::optional<std::string>& fallback = std::nullopt) const {
    const Json* found = get(field, fallback.has_value(), "text");
    if (found == nullptr) return *fallback;
    if (!found->is_string()) fail(field, "wrong type", "text");
    return found->template get<std::string>();
  }

  /// Text, or a whole number as text.
  std::string id(const char* field, const std::optional<std::string>& fallback = std::nullopt) const {
    const Json* found = get(field, fallback.has_value(), "text or a whole number");
    if (found == nullptr) return *fallback;
    if (found->is_number_integer()) return found->dump();
    if (!found->is_string()) fail(field, "wrong type", "text or a whole number");
    return found->template get<std::string>();
  }

  /// A list of texts; empty where the field is absent.
  std::vector<std::string> texts(const char* field) const {
    const Json* found = find(field);
    if (found == nullptr) return {};
    const bool right = found->is_array() && std::all_of(found->begin(), found->end(),
                                                        [](const Json& element) { return element.is_string(); });
    if (!right) fail(field, "wrong type", "a list of texts");
    return found->template get<std::vector<std::string>>();
  }

  [[noreturn]] void fail(const char* field, std::string_view kind, std::string_view expected) const {
    const Json* found = find(field);
    throw DataError({where_, field}, kind, found == nullptr ? "" : json_excerpt(*found), expected);
  }

 private:
  const Json* get(const char* field, bool may_be_absent, std::string_view expected) const {
    const Json* found = find(field);
    if (found == nullptr && !may_be_absent) fail(field, "the field is absent", expected);
    return found;
  }

  const Json& object_;
  std::string where_;
};

}  // namespace convllava::core
