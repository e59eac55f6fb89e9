#include <fstream>
#include <iterator>

#include "convllava/core/error.h"
#include "convllava/core/files.h"
#include "convllava/stage/check_config.h"

namespace convllava::stage {
namespace {

namespace fs = std::filesystem;

/// A file, or a pipe such as a shell's <(...).
std::string read_whole(const fs::path& path) {
  std::error_code ignored;
  if (!fs::is_fifo(path, ignored)) return core::read_file(path, core::kMaxSettingsBytes);
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

std::string read_config_file(const fs::path& path) {
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) {
    throw ConfigError(path.string(), "is a folder", "", "a YAML file");
  }
  try {
    return read_whole(path);
  } catch (const DataError&) {
    const bool absent = fs::status(path, ignored).type() == fs::file_type::not_found;
    throw ConfigError(path.string(), absent ? "no such file" : "cannot be read", "", "a YAML file");
  }
}

}  // namespace

RunConfig load_run_config(const fs::path& path, const std::vector<std::string>& overrides, Paths paths,
                          const CanResume& can_resume) {
  RunConfig config;
  const auto text = read_config_file(path);
  const auto origins = config::read_yaml(text, path.string(), config::fields_of(config), overrides);
  check_rules(config, path.string(), origins);
  if (paths == Paths::kMustExist) check_paths(config, path.string(), can_resume && can_resume(config), origins);
  return config;
}

}  // namespace convllava::stage
