#include "convllava/config/diff.h"

#include "convllava/config/field_table.h"

namespace convllava::config {

std::optional<ChangedField> changed_fixed_field(const VisitFields& before, const VisitFields& after) {
  const auto then = field_rows(before);
  const auto now = field_rows(after);
  for (size_t i = 0; i < now.size(); ++i) {
    if (now[i].fixed_on_resume && then[i].value != now[i].value) {
      return ChangedField{now[i].path, then[i].value, now[i].value};
    }
  }
  return std::nullopt;
}

}  // namespace convllava::config
