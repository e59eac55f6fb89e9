#include "convllava/core/error.h"

namespace convllava {

std::string error_message(std::string_view where, std::string_view what, std::string_view got,
                          std::string_view expected) {
  std::string text;
  if (!where.empty()) text.append(where).append(": ");
  text.append(what);
  if (!got.empty()) text.append("; got ").append(got);
  if (!expected.empty()) text.append("; expected ").append(expected);
  return text;
}

int exit_code(const std::exception& error) noexcept {
  if (dynamic_cast<const ConfigError*>(&error)) return 2;
  if (dynamic_cast<const DataError*>(&error)) return 3;
  if (dynamic_cast<const CheckpointError*>(&error)) return 4;
  if (dynamic_cast<const DistributedError*>(&error)) return 5;
  return 1;
}

}  // namespace convllava
