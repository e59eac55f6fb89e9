#pragma once

// A YAML document as a tree in which every value knows where it was written.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace convllava::config {

struct YamlValue {
  enum class Kind { kNull, kScalar, kList, kMap };
  Kind kind = Kind::kNull;
  std::string text;               ///< of a scalar
  bool quoted = false;            ///< a scalar in quotes is text, whatever it looks like
  std::vector<std::string> keys;  ///< of a map, one per item
  std::vector<YamlValue> items;   ///< of a list or a map
  std::string origin;             ///< "configs/a.yaml:12" (the line of the key in a map) or "--set a.b=1"

  /// Position of `key` in a map, or -1.
  int64_t find(std::string_view key) const;
};

/// Throws ConfigError with the line for bad syntax, a key given twice, an alias, a second document. An empty text is
/// null.
YamlValue parse_yaml(std::string_view text, const std::string& where);

/// Names each override ("a.b=value") that a later one replaces, of the same field or of a section around it. The last
/// one is used, so that a user can override the values of a script.
void warn_of_repeated_overrides(const std::vector<std::string>& overrides);

/// Puts the value of "a.b=value" or "a.0.b=value" into the tree; missing sections are made, list elements must exist.
void apply_override(YamlValue& root, const std::string& override_text);

/// "train" + "lr" = "train.lr".
std::string join_path(const std::string& path, std::string_view name);

}  // namespace convllava::config
