#include "convllava/checkpoint/json_object.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "convllava/checkpoint/file_access.h"
#include "convllava/core/error.h"
#include "convllava/core/json.h"

namespace convllava::checkpoint {

struct JsonObject::Impl {
  std::string where;
  nlohmann::json value = nlohmann::json::object();

  const nlohmann::json* find(const char* field) const {
    const auto found = value.find(field);
    return found == value.end() || found->is_null() ? nullptr : &*found;
  }

  [[noreturn]] void fail(const char* field, std::string_view what, const std::string& expected) const {
    const auto* found = find(field);
    throw CheckpointError({where, field}, what, found ? core::json_excerpt(*found) : "none", expected);
  }

  /// The field as `T`; `is_right` says whether its value has the right type.
  template <class T, class Check>
  T get(const char* field, const std::optional<T>& fallback, const char* expected, Check is_right) const {
    const auto* found = find(field);
    if (found == nullptr && fallback) return *fallback;
    if (found == nullptr) fail(field, "the field is absent", expected);
    if (!is_right(*found)) fail(field, "wrong type", expected);
    return found->get<T>();
  }
};

namespace {

bool is_whole(const nlohmann::json& value) {
  return value.is_number_integer() && (!value.is_number_unsigned() || value.get<uint64_t>() <= INT64_MAX);
}

bool is_finite(const nlohmann::json& value) { return value.is_number() && std::isfinite(value.get<double>()); }

bool is_whole_list(const nlohmann::json& value) {
  return value.is_array() && std::all_of(value.begin(), value.end(), is_whole);
}

}  // namespace

JsonObject::JsonObject(const std::filesystem::path& path) {
  auto impl = std::make_shared<Impl>();
  impl->where = path.string();
  try {
    impl->value = core::parse_python_json<nlohmann::json>(read_text(path));
  } catch (const core::JsonError& error) {
    throw CheckpointError(impl->where, "not JSON", error.what());
  }
  if (!impl->value.is_object()) {
    throw CheckpointError(impl->where, "not a JSON object", impl->value.type_name());
  }
  impl_ = std::move(impl);
}

bool JsonObject::has(const char* field) const { return impl_->find(field) != nullptr; }

int64_t JsonObject::whole(const char* field, std::optional<int64_t> fallback) const {
  return impl_->get(field, fallback, "a whole number", is_whole);
}

double JsonObject::number(const char* field, std::optional<double> fallback) const {
  return impl_->get(field, fallback, "a number", is_finite);
}

bool JsonObject::flag(const char* field, std::optional<bool> fallback) const {
  return impl_->get(field, fallback, "true or false", [](const auto& value) { return value.is_boolean(); });
}

std::string JsonObject::text(const char* field, std::optional<std::string> fallback) const {
  return impl_->get(field, fallback, "text", [](const auto& value) { return value.is_string(); });
}

std::vector<int64_t> JsonObject::whole_list(const char* field) const {
  return impl_->get(field, std::optional<std::vector<int64_t>>(), "a list of whole numbers", is_whole_list);
}

std::vector<int64_t> JsonObject::one_or_more(const char* field, const std::vector<int64_t>& if_absent) const {
  const auto* found = impl_->find(field);
  if (found == nullptr) return impl_->value.contains(field) ? std::vector<int64_t>() : if_absent;
  if (is_whole(*found)) return {found->get<int64_t>()};
  if (!is_whole_list(*found)) impl_->fail(field, "wrong type", "a whole number, a list of them, or null");
  return found->get<std::vector<int64_t>>();
}

std::optional<int64_t> JsonObject::whole_or_null(const char* field, std::optional<int64_t> if_absent) const {
  if (has(field)) return whole(field);
  return impl_->value.contains(field) ? std::nullopt : if_absent;
}

std::vector<double> JsonObject::number_list(const char* field) const {
  return impl_->get(field, std::optional<std::vector<double>>(), "a list of numbers", [](const auto& value) {
    return value.is_array() && std::all_of(value.begin(), value.end(), is_finite);
  });
}

std::vector<std::string> JsonObject::text_list(const char* field) const {
  return impl_->get(field, std::optional<std::vector<std::string>>(), "a list of texts", [](const auto& value) {
    return value.is_array() &&
           std::all_of(value.begin(), value.end(), [](const auto& item) { return item.is_string(); });
  });
}

std::vector<std::string> JsonObject::names() const {
  std::vector<std::string> names;
  for (const auto& item : impl_->value.items()) names.push_back(item.key());
  return names;
}

std::map<std::string, std::string> JsonObject::texts(const char* field) const {
  std::map<std::string, std::string> texts;
  const JsonObject object = this->object(field);
  for (const auto& [name, value] : object.impl_->value.items()) {
    if (!value.is_string()) object.impl_->fail(name.c_str(), "wrong type", "text");
    texts[name] = value.get<std::string>();
  }
  return texts;
}

bool JsonObject::is_object(const char* field) const {
  const auto* found = impl_->find(field);
  return found != nullptr && found->is_object();
}

JsonObject JsonObject::object(const char* field) const {
  auto nested = std::make_shared<Impl>();
  nested->where = fmt::format("{}: {}", impl_->where, field);
  if (const auto* found = impl_->find(field)) {
    if (!found->is_object()) impl_->fail(field, "wrong type", "an object");
    nested->value = *found;
  }
  return JsonObject(std::shared_ptr<const Impl>(std::move(nested)));
}

void JsonObject::fail_value(const char* field, const std::string& expected, std::string_view what) const {
  impl_->fail(field, what, expected);
}

const std::string& JsonObject::where() const { return impl_->where; }

}  // namespace convllava::checkpoint
