#include "convllava/config/same_run.h"

#include <algorithm>
#include <array>
#include <filesystem>

#include "convllava/config/field_table.h"

namespace convllava::config {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 17> kFixed = {"model.size",
                                                     "model.from",
                                                     "model.vision_from",
                                                     "model.llm_from",
                                                     "model.vision_depths",
                                                     "model.vision_hidden_sizes",
                                                     "model.layer_scale_init_value",
                                                     "trainable",
                                                     "dtype",
                                                     "seed",
                                                     "image.size",
                                                     "image.aspect",
                                                     "data.template",
                                                     "data.max_length",
                                                     "data.group_by",
                                                     "data.validation_share",
                                                     "train.global_batch_size"};

std::vector<FieldRow> rows_of(TrainConfig config) {
  // One folder has many names.
  for (std::string* path : {&config.model.from, &config.model.vision_from, &config.model.llm_from}) {
    std::error_code error;
    const fs::path real = fs::weakly_canonical(fs::path(*path) / "", error);
    if (!path->empty() && !error) *path = real.parent_path().string();
  }
  return field_rows([&](FieldVisitor& visitor) { config.visit_fields(visitor); });
}

}  // namespace

std::optional<ChangedField> changed_field(const TrainConfig& before, const TrainConfig& after) {
  const auto then = rows_of(before);
  const auto now = rows_of(after);
  for (size_t i = 0; i < now.size(); ++i) {
    const bool fixed = std::find(kFixed.begin(), kFixed.end(), now[i].path) != kFixed.end();
    if (fixed && then[i].value != now[i].value) return ChangedField{now[i].path, then[i].value, now[i].value};
  }
  return std::nullopt;
}

}  // namespace convllava::config
