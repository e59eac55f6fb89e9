#pragma once

// YAML <-> structs with `visit_fields`. Errors are ConfigError: "file:line: field: what; got X; expected Y", with the
// nearest key for one that does not exist.

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "convllava/config/fields.h"
#include "convllava/config/train_config.h"

namespace convllava::config {

using VisitFields = std::function<void(FieldVisitor&)>;

/// Reads `text` into the struct behind `visit`. Fields that the text does not name keep their values. `where` names the
/// file in messages. `overrides` are "a.b=value" (`--set`); the value is YAML and is reported as "--set a.b=value".
void read_yaml(std::string_view text, const std::string& where, const VisitFields& visit,
               const std::vector<std::string>& overrides = {});

/// Every field, in order of declaration, in a form that `read_yaml` takes back to an equal struct.
std::string write_yaml(const VisitFields& visit);

/// Markdown without a title: a table per section with name, type, default, allowed values and meaning of every field
/// (docs/configuration.md).
std::string reference_markdown(const VisitFields& visit);

/// Whether the files and folders that a configuration names must be there.
enum class Paths { kMayBeAbsent, kMustExist };

/// Whether the run of a configuration has its model already, in a checkpoint of its own.
using GoesOn = std::function<bool(const TrainConfig&)>;

/// File -> checked TrainConfig: `validate`, and `check_paths` for `kMustExist`, in whose messages each field has its
/// line. What a run starts from may be absent where it `goes_on`.
///
///     const TrainConfig config = load_train_config("configs/stage1.yaml", {"train.lr=1e-5"}, Paths::kMustExist);
TrainConfig load_train_config(const std::filesystem::path& path, const std::vector<std::string>& overrides = {},
                              Paths paths = Paths::kMayBeAbsent, const GoesOn& goes_on = {});

}  // namespace convllava::config
