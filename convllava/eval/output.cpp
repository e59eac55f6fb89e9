#include "convllava/eval/output.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <nlohmann/json.hpp>

#include "convllava/core/error.h"
#include "convllava/core/files.h"

namespace convllava::eval {
namespace fs = std::filesystem;

void make_output_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  const char* what = "cannot create the folder";
  if (!error && ::faccessat(AT_FDCWD, folder.c_str(), W_OK | X_OK, AT_EACCESS) != 0) {
    error.assign(errno, std::generic_category());
    what = "cannot write into the folder";
  }
  if (error) {
    throw ConfigError(folder.string(), what, error.message(), "a folder for --output that this user can write to");
  }
}

fs::path write_scores(const fs::path& folder, const std::vector<Score>& scores) {
  make_output_folder(folder);
  auto values = nlohmann::ordered_json::object();
  for (const auto& score : scores) values[score.name] = score.value;
  const fs::path file = folder / "scores.json";
  core::write_file_atomic(file, values.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n");
  return file;
}

}  // namespace convllava::eval
