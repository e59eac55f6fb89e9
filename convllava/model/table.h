#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "convllava/core/error.h"

namespace convllava::model {

/// The row of a table that has this name. Throws ConfigError for `field` with the names that there are.
template <class Row>
const Row& row_named(const std::vector<Row>& table, std::string_view name, std::string_view field) {
  std::string names;
  for (const Row& row : table) {
    if (row.name == name) return row;
    names.append(names.empty() ? "" : ", ").append(row.name);
  }
  throw ConfigError({"", field}, "unknown name", name, "one of " + names);
}

}  // namespace convllava::model
