#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "convllava/config/yaml.h"
#include "convllava/stage/run_config.h"

// A run's configuration from its file, with every mistake that it alone can show. All throw ConfigError.

namespace convllava::stage {

/// The range of every field and the rules that span fields; `where` begins the messages. Does not touch the disk,
/// except to resolve symbolic links when it compares `model.from` with `output_dir`.
void check_config(const RunConfig& config, const std::string& where);

/// The rules alone, for a configuration whose ranges its reader has checked. Messages begin with the field's origin.
void check_rules(const RunConfig& config, const std::string& where, const config::Origins& origins);

/// Images of this size and aspect must suit the tower and leave room for text. `origin_of` a field begins its message.
void check_images(const model::VisionConfig& tower, const RunConfig& config,
                  const std::function<std::string(const std::string& field)>& origin_of);

/// Every file and folder the config names must exist. A run that has a checkpoint (`can_resume`) takes its model from
/// there: `model.from`, `vision_from`, `llm_from` and `tokenizer` may be absent.
void check_paths(const RunConfig& config, const std::string& where, bool can_resume = false,
                 const config::Origins& origins = {});

/// Whether the files and folders that a configuration names must be there.
enum class Paths { kMayBeAbsent, kMustExist };

/// Whether the run of a configuration has a checkpoint to resume from.
using CanResume = std::function<bool(const RunConfig&)>;

/// File -> checked RunConfig: `check_rules`, and `check_paths` for `kMustExist`, in whose messages each field has its
/// line. What a run starts from may be absent where it `can_resume`. `overrides` are "a.b=value" (`--set`).
///
///     const auto config = stage::load_run_config("configs/stage1.yaml", {"train.lr=1e-5"}, stage::Paths::kMustExist);
RunConfig load_run_config(const std::filesystem::path& path, const std::vector<std::string>& overrides = {},
                          Paths paths = Paths::kMayBeAbsent, const CanResume& can_resume = {});

}  // namespace convllava::stage
