#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "convllava/checkpoint/json_object.h"
#include "convllava/core/error.h"

// How formats read the numbers of a config.json.

namespace convllava::formats {

// Above these a number is a mistake or an attack: even an outline of the model would take all memory.
inline constexpr int64_t kMostLayers = 1000;
inline constexpr int64_t kMostChannels = int64_t{1} << 20;
inline constexpr int64_t kMostTokens = int64_t{1} << 24;
inline constexpr int64_t kMostPatch = 1024;
inline constexpr int64_t kMostImage = 16384;  // pixels on a side
/// Below this a preprocessor's size is a mistake.
inline constexpr int64_t kLeastImage = 64;

/// A whole number of at most `most`; each of a list of them. Numbers below 1 pass: `validate` refuses them. Throws
/// CheckpointError.
int64_t read_size(const checkpoint::JsonObject& file, const char* field, int64_t most,
                  std::optional<int64_t> fallback = std::nullopt);
std::vector<int64_t> read_sizes(const checkpoint::JsonObject& file, const char* field, int64_t most);

/// "a", "b" or "c", in quotes: what a field may be.
std::string choices(const std::vector<std::string_view>& names);

/// Runs a `model::validate`; its error becomes one of the checkpoint.
template <class Validate>
void validate_stored(const Validate& validate) {
  try {
    validate();
  } catch (const ConfigError& error) {
    throw error_as<CheckpointError>(error);
  }
}

}  // namespace convllava::formats
