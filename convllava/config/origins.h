#pragma once

// Lines for messages about rules that span fields.

#include <map>
#include <string>

#include "convllava/config/train_config.h"
#include "convllava/config/yaml.h"

namespace convllava::config {

/// Field path ("data.train.0.weight") -> where its value was written ("configs/a.yaml:12"). Holds what the text named.
using Origins = std::map<std::string, std::string>;

/// Who wrote a text. A user's paths are expanded (core/paths.h) and unknown keys refused; a program's record holds
/// paths as they were on the machine that wrote it, and may hold keys of a later version.
enum class YamlKind { kConfiguration, kRecord };

/// `read_yaml` that also tells where each value came from.
Origins read_yaml_with_origins(std::string_view text, const std::string& where, const VisitFields& visit,
                               const std::vector<std::string>& overrides, YamlKind kind = YamlKind::kConfiguration);

/// Where `field` was written, or the nearest section around it, or else `where`.
std::string origin_of(std::string field, const std::string& where, const Origins& origins);

/// `check_paths`, and `validate` without the ranges, which a reader has checked. Messages begin with `origin_of` the
/// field.
void validate_with_origins(const TrainConfig& config, const std::string& where, const Origins& origins);
void check_paths_with_origins(const TrainConfig& config, const std::string& where, const Origins& origins,
                              bool goes_on);

}  // namespace convllava::config
