#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace convllava::checkpoint {

/// A JSON file that holds one object, read field by field. Every error is a CheckpointError naming file, field and
/// value. A null field is absent; without a fallback an absent field is an error.
class JsonObject {
 public:
  explicit JsonObject(const std::filesystem::path& path);

  bool has(const char* field) const;
  int64_t whole(const char* field, std::optional<int64_t> fallback = std::nullopt) const;
  double number(const char* field, std::optional<double> fallback = std::nullopt) const;
  bool flag(const char* field, std::optional<bool> fallback = std::nullopt) const;
  std::string text(const char* field, std::optional<std::string> fallback = std::nullopt) const;
  std::vector<int64_t> whole_list(const char* field) const;
  std::vector<double> number_list(const char* field) const;
  std::vector<std::string> text_list(const char* field) const;
  /// One whole number or a list of them; null is the empty list.
  std::vector<int64_t> one_or_more(const char* field, const std::vector<int64_t>& if_absent) const;
  /// A whole number, or nothing where the file says null.
  std::optional<int64_t> whole_or_null(const char* field, std::optional<int64_t> if_absent) const;
  /// An object whose values are all text.
  std::map<std::string, std::string> texts(const char* field) const;
  /// Names of all fields.
  std::vector<std::string> names() const;
  /// Whether the field is there and an object.
  bool is_object(const char* field) const;
  /// A nested object; empty where it is absent.
  JsonObject object(const char* field) const;

  /// Throws that `field` has a value which this library does not implement, or another `kind` of error.
  [[noreturn]] void fail_value(const char* field, const std::string& expected,
                               std::string_view what = "not supported") const;
  /// The file, or "file: field" of a nested object.
  const std::string& where() const;

 private:
  struct Impl;
  explicit JsonObject(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<const Impl> impl_;
};

}  // namespace convllava::checkpoint
