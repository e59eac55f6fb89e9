#include "convllava/text/tokenizer_settings.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <system_error>

#include "convllava/core/error.h"
#include "convllava/core/files.h"
#include "convllava/core/json.h"

namespace convllava::text {
namespace fs = std::filesystem;
namespace {

using Json = nlohmann::json;

/// null if the file does not exist.
Json read_object(const fs::path& file) {
  std::error_code ignored;
  if (!fs::exists(file, ignored)) return nullptr;
  Json json;
  std::string got;
  try {
    json = core::parse_python_json<Json>(core::read_file(file, core::kMaxSettingsBytes));
  } catch (const core::JsonError& error) {
    got = error.what();
  }
  if (!json.is_object()) {
    throw DataError(file.string(), "cannot read the tokenizer's settings", got, "a JSON object");
  }
  return json;
}

/// null if the field is absent.
Json field_of(const Json& object, const char* name) {
  return object.is_object() && object.contains(name) ? object.at(name) : Json();
}

[[noreturn]] void fail(const fs::path& file, const char* field, const Json& value, const char* expected) {
  throw DataError({file.string(), field}, "wrong type", core::json_excerpt(value), expected);
}

TokenizerBehaviour behaviour_of(const fs::path& file, const Json& config) {
  const auto legacy = field_of(config, "legacy");
  if (legacy.is_null()) return TokenizerBehaviour::kLegacy;
  if (!legacy.is_boolean()) fail(file, "legacy", legacy, "true or false");
  return legacy.get<bool>() ? TokenizerBehaviour::kLegacy : TokenizerBehaviour::kNonLegacy;
}

/// A token is its text, or an object with its text as "content".
std::string eos_token_of(const fs::path& file, const Json& config) {
  const auto token = field_of(config, "eos_token");
  if (token.is_null()) return "";
  const auto content = token.is_object() ? field_of(token, "content") : token;
  if (!content.is_string()) fail(file, "eos_token", token, "text, or an object with \"content\"");
  return content.get<std::string>();
}

/// "added_tokens_decoder" has an object for each id.
std::optional<int64_t> added_id(const Json& config, const std::string& token) {
  const auto added = field_of(config, "added_tokens_decoder");
  if (!added.is_object()) return std::nullopt;
  for (const auto& [id, entry] : added.items()) {
    const bool number = !id.empty() && id.size() < 10 && id.find_first_not_of("0123456789") == id.npos;
    if (number && field_of(entry, "content") == token) return std::stoll(id);
  }
  return std::nullopt;
}

}  // namespace

TokenizerSettings read_tokenizer_settings(const fs::path& folder, TokenizerBehaviour fallback) {
  const fs::path config_file = folder / "tokenizer_config.json";
  const fs::path map_file = folder / "special_tokens_map.json";
  const Json config = read_object(config_file);
  TokenizerSettings settings;
  settings.behaviour = config.is_null() ? fallback : behaviour_of(config_file, config);
  settings.eos_token = eos_token_of(map_file, read_object(map_file));
  if (settings.eos_token.empty()) settings.eos_token = eos_token_of(config_file, config);
  if (!settings.eos_token.empty()) settings.eos_id = added_id(config, settings.eos_token);
  return settings;
}

}  // namespace convllava::text
