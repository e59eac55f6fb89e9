#pragma once

#include <optional>
#include <string>

#include "convllava/config/yaml.h"

namespace convllava::config {

/// A field, with the text that `write_yaml` writes for it.
struct ChangedField {
  std::string path;
  std::string before;
  std::string after;
};

/// The first field, in the order of the reference page, that differs between two structs of one type. Lists of structs
/// are not compared.
std::optional<ChangedField> changed_field(const VisitFields& before, const VisitFields& after);
/// The first one that is fixed on resume (fields.h).
std::optional<ChangedField> changed_fixed_field(const VisitFields& before, const VisitFields& after);

}  // namespace convllava::config
