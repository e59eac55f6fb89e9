#include "convllava/model/config_check.h"

#include <fmt/format.h>

#include "convllava/core/error.h"

namespace convllava::model {

void ConfigCheck::positive(const char* field, int64_t value) const {
  if (value < 1) fail(field, "out of range", std::to_string(value), "at least 1");
}

void ConfigCheck::positive(const char* field, double value) const {
  if (!(value > 0)) fail(field, "out of range", fmt::format("{}", value), "more than 0");
}

void ConfigCheck::token(const char* field, int64_t value, int64_t vocab_size) const {
  if (value < 0 || value >= vocab_size) {
    fail(field, "not in the vocabulary", std::to_string(value), fmt::format("0 to {}", vocab_size - 1));
  }
}

void ConfigCheck::fail(const std::string& field, std::string_view what, std::string_view got,
                       std::string_view expected) const {
  throw ConfigError({where_, field}, what, got, expected);
}

}  // namespace convllava::model
