#pragma once

// The fields of a struct as rows of text, for messages and for the reference page.

#include <string>
#include <vector>

#include "convllava/config/yaml.h"

namespace convllava::config {

struct FieldRow {
  std::string path;     ///< "train.lr"; elements of a list of structs: "data.train[].weight"
  std::string type;     ///< "number", "list of integers", ...; "section" and "list" for a field that has fields
  std::string value;    ///< as `write_yaml` puts it; empty for sections
  std::string allowed;  ///< empty when anything of the type is
  std::string meaning;
  bool fixed_on_resume = false;

  bool has_fields() const { return type == "section" || type == "list"; }
};

/// In order of declaration; a section comes before its fields, and the plain fields of a struct before its sections.
std::vector<FieldRow> field_rows(const VisitFields& visit);

/// "at least 1", "0 to 1", "exactly 1", "" for any.
std::string range_text(const Range& range);

/// The shortest text that reads back to the same number, with a point, so that every YAML reader takes it for one.
std::string number_text(double value);

/// A YAML scalar: as it is where no reader could take it for something else, else in double quotes.
std::string scalar_text(const std::string& value);

/// "[a, b]"
std::string list_text(const std::vector<std::string>& value);
std::string list_text(const std::vector<int64_t>& value);
std::string list_text(const std::vector<double>& value);
/// "{a: 1.0, b: 2.0}"
std::string map_text(const std::map<std::string, double>& value);

}  // namespace convllava::config
