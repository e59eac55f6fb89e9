#include "convllava/distributed/error_file.h"

#include <fmt/format.h>

#include <cstdlib>
#include <ctime>
#include <nlohmann/json.hpp>

#include "convllava/core/files.h"
#include "convllava/core/log.h"

namespace convllava::distributed {

void write_error_file(const std::string& message) {
  const char* path = std::getenv("TORCHELASTIC_ERROR_FILE");
  if (path == nullptr || *path == '\0') return;
  // torchrun shows the failure with the earliest second.
  const nlohmann::json error = {
      {"message", {{"message", message}, {"extraInfo", {{"timestamp", std::to_string(std::time(nullptr))}}}}}};
  try {
    core::write_file_atomic(path, error.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  } catch (const std::exception& failure) {
    core::log_warning(fmt::format("cannot pass the error to torchrun: {}", failure.what()));
  }
}

}  // namespace convllava::distributed
