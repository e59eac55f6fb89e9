#include "convllava/config/same_run.h"

#include <algorithm>

#include "convllava/config/field_table.h"

namespace convllava::config {
namespace {

std::vector<FieldRow> rows_of(TrainConfig config) {
  // It has no effect beside `from`, which gives every stage, and stands there in some saved records.
  if (!config.model.from.empty()) config.model.layer_scale_init_value = 0;
  std::ranges::sort(config.trainable);
  config.trainable.erase(std::ranges::unique(config.trainable).begin(), config.trainable.end());
  return field_rows([&](FieldVisitor& visitor) { config.visit_fields(visitor); });
}

}  // namespace

std::optional<ChangedField> changed_field(const TrainConfig& before, const TrainConfig& after) {
  const auto then = rows_of(before);
  const auto now = rows_of(after);
  for (size_t i = 0; i < now.size(); ++i) {
    if (now[i].fixed_on_resume && then[i].value != now[i].value) {
      return ChangedField{now[i].path, then[i].value, now[i].value};
    }
  }
  return std::nullopt;
}

}  // namespace convllava::config
