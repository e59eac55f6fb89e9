#include "convllava/formats/special_tokens.h"

#include <fmt/format.h>

#include <algorithm>

#include "convllava/checkpoint/file_access.h"
#include "convllava/checkpoint/json_object.h"

namespace convllava::formats {
namespace {

constexpr const char* kEos = "eos_token_id";
constexpr std::string_view kOutside = "not in the vocabulary";

void add_end_tokens(const checkpoint::JsonObject& file, const std::vector<int64_t>& if_absent,
                    model::LanguageConfig& llm) {
  for (const int64_t token : file.one_or_more(kEos, if_absent)) {
    if (token < 0 || token >= llm.vocab_size) {
      file.fail_value(kEos, fmt::format("0 to {}", llm.vocab_size - 1), kOutside);
    }
    auto& known = llm.eos_token_id;
    if (std::find(known.begin(), known.end(), token) == known.end()) known.push_back(token);
  }
}

std::optional<int64_t> read_token(const checkpoint::JsonObject& file, const char* field,
                                  std::optional<int64_t> if_absent, int64_t vocab_size) {
  const auto token = file.whole_or_null(field, if_absent);
  if (token == -1) return std::nullopt;  // how the first LLaMA checkpoints say that there is none
  if (token && (*token < 0 || *token >= vocab_size)) {
    file.fail_value(field, fmt::format("0 to {}, or null", vocab_size - 1), kOutside);
  }
  return token;
}

}  // namespace

void read_special_tokens(const std::filesystem::path& directory, model::LanguageConfig& llm) {
  const checkpoint::JsonObject config(directory / "config.json");
  llm.bos_token_id = read_token(config, "bos_token_id", 1, llm.vocab_size);
  llm.pad_token_id = read_token(config, "pad_token_id", std::nullopt, llm.vocab_size);
  llm.eos_token_id.clear();
  add_end_tokens(config, {2}, llm);
  const auto generation = directory / "generation_config.json";
  if (checkpoint::path_exists(generation)) add_end_tokens(checkpoint::JsonObject(generation), {}, llm);
}

}  // namespace convllava::formats
