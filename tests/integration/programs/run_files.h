#pragma once

// A small run as files: images, annotations and a YAML configuration for the programs.

#include <filesystem>
#include <fstream>
#include <string>

#include "convllava/config/yaml.h"
#include "tests/catch.h"
#include "tests/support/ranks.h"
#include "tests/support/tiny_run.h"

namespace convllava::testing {

inline std::string program(const std::string& name) { return CONVLLAVA_BINARY_DIR "/bin/" + name; }

/// One word of a shell's command, also with spaces in it.
inline std::string word(const std::string& text) { return "'" + text + "'"; }

inline void save_config(const std::filesystem::path& path, stage::RunConfig config) {
  write_text(path, config::write_yaml(config::fields_of(config)));
}

/// folder/train.yaml for `tiny_run`, changed by `change`.
template <class Change>
std::string write_config(const std::filesystem::path& folder, Change change) {
  auto config = tiny_run(folder);
  change(config);
  const auto path = folder / "train.yaml";
  save_config(path, config);
  return path.string();
}

inline RankOutcome run(const std::vector<std::string>& arguments,
                       const std::map<std::string, std::string>& environment = {}) {
  return run_program(arguments, environment, std::chrono::seconds(120));
}

/// It ended with this code, and said this among other things.
inline void check(const RankOutcome& outcome, int exit_code, const std::string& message) {
  INFO(outcome.output);
  CHECK(outcome.exit_code == exit_code);
  CHECK_THAT(outcome.output, contains(message));
}

}  // namespace convllava::testing
