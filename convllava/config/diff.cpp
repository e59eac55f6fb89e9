#include "convllava/config/diff.h"

#include "convllava/config/field_table.h"

namespace convllava::config {
namespace {

std::optional<ChangedField> first_change(const VisitFields& before, const VisitFields& after, bool fixed_only) {
  const auto then = field_rows(before);
  const auto now = field_rows(after);
  for (size_t i = 0; i < now.size(); ++i) {
    if ((now[i].fixed_on_resume || !fixed_only) && then[i].value != now[i].value) {
      return ChangedField{now[i].path, then[i].value, now[i].value};
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<ChangedField> changed_field(const VisitFields& before, const VisitFields& after) {
  return first_change(before, after, /*fixed_only=*/false);
}

std::optional<ChangedField> changed_fixed_field(const VisitFields& before, const VisitFields& after) {
  return first_change(before, after, /*fixed_only=*/true);
}

}  // namespace convllava::config
