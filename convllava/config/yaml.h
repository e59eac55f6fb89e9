#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "convllava/config/fields.h"

// YAML <-> structs with `visit_fields`. Errors are ConfigError: "file:line: field: kind; got X; expected Y", with the
// nearest key for an unknown one.

namespace convllava::config {

using VisitFields = std::function<void(FieldVisitor&)>;

/// A struct as `VisitFields`. The struct must outlive it.
template <class Struct>
VisitFields fields_of(Struct& value) {
  return [&value](FieldVisitor& visitor) { value.visit_fields(visitor); };
}

/// Field path ("data.train.0.weight") -> where its value was written ("configs/a.yaml:12"). Holds what the text named.
using Origins = std::map<std::string, std::string>;

/// Who wrote a text. A user's paths are expanded (core/paths.h) and unknown keys refused; a program's record holds
/// paths as they were on the machine that wrote it, and may hold keys of a later version.
enum class YamlKind { kConfiguration, kRecord };

/// Reads `text` into the struct behind `visit`. Fields that the text does not name keep their values. `where` names the
/// file in messages. `overrides` are "a.b=value" (`--set`); the value is YAML and is reported as "--set a.b=value".
/// Returns where each value came from.
Origins read_yaml(std::string_view text, const std::string& where, const VisitFields& visit,
                  const std::vector<std::string>& overrides = {}, YamlKind kind = YamlKind::kConfiguration);

/// Where `field` was written, or the nearest section around it, or else `where`: for messages about rules that span
/// fields.
std::string origin_of(std::string field, const std::string& where, const Origins& origins);

/// Every field, in order of declaration, in a form that `read_yaml` takes back to an equal struct.
std::string write_yaml(const VisitFields& visit);

/// Markdown without a title: a table per section with name, type, default, allowed values and meaning of every field
/// (docs/configuration.md).
std::string reference_markdown(const VisitFields& visit);

/// The ranges of a struct that no YAML reader has checked. Throws ConfigError.
void check_ranges(const VisitFields& visit, const std::string& where);

}  // namespace convllava::config
