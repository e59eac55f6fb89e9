#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <system_error>
#include <utility>

#include "convllava/config/field_table.h"
#include "convllava/config/yaml.h"
#include "convllava/config/yaml_tree.h"
#include "convllava/core/error.h"
#include "convllava/core/excerpt.h"
#include "convllava/core/paths.h"
#include "convllava/core/suggest.h"

namespace convllava::config {
namespace {

using Kind = YamlValue::Kind;

std::string describe(const YamlValue& value) {
  switch (value.kind) {
    case Kind::kNull:
      return "nothing";
    case Kind::kList:
      return "a list";
    case Kind::kMap:
      return "a section";
    case Kind::kScalar:
      break;
  }
  const std::string text = core::excerpt(value.text);
  return value.quoted || text.empty() ? fmt::format("\"{}\"", text) : text;
}

std::string with_range(std::string type, const Range& range) {
  const std::string allowed = range_text(range);
  return allowed.empty() ? type : fmt::format("{}, {}", type, allowed);
}

[[noreturn]] void fail(const YamlValue& value, const std::string& path, std::string_view what,
                       std::string_view expected) {
  throw ConfigError({value.origin, path}, what, describe(value), expected);
}

void require_kind(const YamlValue& value, Kind kind, const std::string& path, std::string_view what,
                  std::string_view expected) {
  if (value.kind != kind) fail(value, path, value.kind == Kind::kNull ? "has no value" : what, expected);
}

/// An unquoted number, the whole of the scalar, inside `range`.
template <class Number>
Number read_number(const YamlValue& value, const std::string& path, const Range& range, const std::string& type,
                   const char* what) {
  const std::string expected = with_range(type, range);
  require_kind(value, Kind::kScalar, path, what, expected);
  Number number{};
  const char* const end = value.text.data() + value.text.size();
  const auto [stop, error] = std::from_chars(value.text.data(), end, number);
  if (value.quoted || error == std::errc::invalid_argument || stop != end) fail(value, path, what, expected);
  const auto real = static_cast<double>(number);
  if (error == std::errc::result_out_of_range || real < range.low || real > range.high) {
    fail(value, path, "out of range", expected);
  }
  if (!std::isfinite(real)) fail(value, path, "not finite", expected);
  return number;
}

int64_t read_integer(const YamlValue& value, const std::string& path, const Range& range) {
  return read_number<int64_t>(value, path, range, "an integer", "not an integer");
}
double read_real(const YamlValue& value, const std::string& path, const Range& range) {
  return read_number<double>(value, path, range, "a number", "not a number");
}
std::string read_text(const YamlValue& value, const std::string& path) {
  require_kind(value, Kind::kScalar, path, "not a single value", "text (\"\" for none)");
  if (value.text.find('\0') != std::string::npos) fail(value, path, "contains a NUL byte", "text without NUL bytes");
  return value.text;
}

/// Shared by all readers of one document.
struct Document {
  const VisitFields& visit;
  YamlKind kind;
  Origins origins;
};

class Reader : public FieldVisitor {
 public:
  Reader(const YamlValue& section, std::string path, Document& document)
      : section_(section), path_(std::move(path)), document_(document) {}

  void field(const char* name, bool& value, const char*) override {
    const YamlValue* found = find(name);
    if (!found) return;
    require_kind(*found, Kind::kScalar, path_of(name), "not a single value", "true or false");
    const bool yes = found->text == "true";
    if (found->quoted || (!yes && found->text != "false")) {
      fail(*found, path_of(name), "not true or false", "true or false");
    }
    value = yes;
  }
  void field(const char* name, int64_t& value, const char*, Range range) override {
    if (const YamlValue* found = find(name)) value = read_integer(*found, path_of(name), range);
  }
  void field(const char* name, double& value, const char*, Range range) override {
    if (const YamlValue* found = find(name)) value = read_real(*found, path_of(name), range);
  }
  void field(const char* name, std::string& value, const char*) override {
    if (const YamlValue* found = find(name)) value = read_text(*found, path_of(name));
  }
  void path(const char* name, std::string& value, const char*) override {
    const YamlValue* found = find(name);
    if (!found) return;
    const std::string text = read_text(*found, path_of(name));
    try {
      value = document_.kind == YamlKind::kRecord ? core::path_of_text(text) : core::expand_path(text);
    } catch (const ConfigError& error) {
      fail(*found, path_of(name), error.what(), "");
    }
  }
  void field(const char* name, std::vector<std::string>& value, const char*) override {
    read_list(name, value, "[a, b]", read_text);
  }
  void field(const char* name, std::vector<int64_t>& value, const char*, Range range) override {
    read_list(name, value, "[1, 2]",
              [&](const auto& item, const auto& path) { return read_integer(item, path, range); });
  }
  void field(const char* name, std::vector<double>& value, const char*, Range range) override {
    read_list(name, value, "[0.1, 0.2]",
              [&](const auto& item, const auto& path) { return read_real(item, path, range); });
  }
  void field(const char* name, std::map<std::string, double>& value, const char*, Range range) override {
    const YamlValue* found = find(name);
    if (!found) return;
    require_kind(*found, Kind::kMap, path_of(name), "not numbers by name", "numbers by name, for example {a: 1}");
    value.clear();
    for (size_t i = 0; i < found->items.size(); ++i) {
      const std::string path = join_path(path_of(name), found->keys[i]);
      document_.origins[path] = found->items[i].origin;
      value[found->keys[i]] = read_real(found->items[i], path, range);
    }
  }

  /// Call after the struct was visited: the keys that it did not name are unknown, or of a later version.
  void refuse_unknown_keys() const {
    if (document_.kind == YamlKind::kRecord) return;
    for (size_t i = 0; i < section_.keys.size(); ++i) {
      if (!is_known(section_.keys[i])) fail_unknown(section_.items[i], section_.keys[i]);
    }
  }

 protected:
  void choice_index(const char* name, size_t& index, const std::vector<std::string>& names, const char*) override {
    const YamlValue* found = find(name);
    if (!found) return;
    require_kind(*found, Kind::kScalar, path_of(name), "not a single value", "one of " + core::join(names));
    for (index = 0; index < names.size(); ++index) {
      if (names[index] == found->text) return;
    }
    fail(*found, path_of(name), "unknown choice", core::one_of(names, found->text));
  }
  void begin_section(const char* name, const char*, const VisitStruct& visit) override {
    if (const YamlValue* found = find(name)) read_section(*found, path_of(name), visit);
  }
  void begin_list(const char* name, const char*, size_t, const std::function<void(size_t)>& resize,
                  const std::function<void(size_t, FieldVisitor&)>& visit_element) override {
    const YamlValue* found = find(name);
    if (!found) return;
    require_kind(*found, Kind::kList, path_of(name), "not a list", "a list of sections, each starting with \"- \"");
    resize(0);  // an element that is written starts from the defaults
    resize(found->items.size());
    for (size_t i = 0; i < found->items.size(); ++i) {
      const std::string path = join_path(path_of(name), std::to_string(i));
      document_.origins[path] = found->items[i].origin;
      read_section(found->items[i], path, [&](FieldVisitor& visitor) { visit_element(i, visitor); });
    }
  }

 private:
  std::string path_of(std::string_view name) const { return join_path(path_, name); }

  bool is_known(const std::string& key) const { return std::find(known_.begin(), known_.end(), key) != known_.end(); }

  const YamlValue* find(const char* name) {
    known_.emplace_back(name);
    const int64_t at = section_.find(name);
    if (at < 0) return nullptr;
    document_.origins[path_of(name)] = section_.items[at].origin;
    return &section_.items[at];
  }

  void read_section(const YamlValue& section, const std::string& path, const VisitStruct& visit) {
    require_kind(section, Kind::kMap, path, "not a section", "fields below it, as name: value");
    Reader inner(section, path, document_);
    visit(inner);
    inner.refuse_unknown_keys();
  }

  template <class Element, class ReadItem>
  void read_list(const char* name, std::vector<Element>& value, const char* example, ReadItem read_item) {
    const YamlValue* found = find(name);
    if (!found) return;
    require_kind(*found, Kind::kList, path_of(name), "not a list", fmt::format("a list, for example {}", example));
    value.clear();
    for (size_t i = 0; i < found->items.size(); ++i) {
      const std::string path = join_path(path_of(name), std::to_string(i));
      document_.origins[path] = found->items[i].origin;
      value.push_back(read_item(found->items[i], path));
    }
  }

  /// Names the nearest key of this section, else the field of that name in another section or in none.
  [[noreturn]] void fail_unknown(const YamlValue& value, const std::string& key) const {
    std::string suggestion = core::nearest_name(key, known_);
    if (suggestion.empty()) {
      for (const FieldRow& row : field_rows(document_.visit)) {
        if (row.path.ends_with("." + key)) suggestion = row.path;
        if (row.path == key) suggestion = key + " at the top level";
      }
    }
    const std::string what =
        suggestion.empty() ? "unknown key" : fmt::format("unknown key (did you mean {}?)", suggestion);
    throw ConfigError({value.origin, path_of(key)}, what, "", "one of " + core::join(known_));
  }

  const YamlValue& section_;
  std::string path_;
  Document& document_;
  std::vector<std::string> known_;
};

}  // namespace

Origins read_yaml(std::string_view text, const std::string& where, const VisitFields& visit,
                  const std::vector<std::string>& overrides, YamlKind kind) {
  YamlValue root = parse_yaml(text, where);
  if (root.kind != Kind::kNull) require_kind(root, Kind::kMap, "", "not a list of fields", "name: value lines");
  warn_of_repeated_overrides(overrides);
  for (const auto& override_text : overrides) apply_override(root, override_text);
  Document document{visit, kind, {}};
  Reader reader(root, "", document);
  visit(reader);
  reader.refuse_unknown_keys();
  return std::move(document.origins);
}

std::string origin_of(std::string field, const std::string& where, const Origins& origins) {
  while (true) {
    if (const auto found = origins.find(field); found != origins.end()) return found->second;
    const size_t dot = field.rfind('.');
    if (dot == std::string::npos) return where;
    field.resize(dot);
  }
}

}  // namespace convllava::config
