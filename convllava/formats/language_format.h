#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "convllava/checkpoint/json_object.h"
#include "convllava/model/model_config.h"

namespace convllava::formats {

/// How the config.json of one family of language models is read and written. The tensors of all families have the names
/// of transformers' LLaMA (name_map.h).
struct LanguageFormat {
  std::string_view model_type;                      ///< as in config.json: "llama"
  std::vector<std::string_view> llava_model_types;  ///< the same with LLaVA's fields; the last one is written
  std::string_view architecture;                    ///< "LlamaForCausalLM"
  std::string_view llava_architecture;              ///< "LlavaLlamaForCausalLM"
  /// From the fields of a directory's config.json. Throws CheckpointError.
  model::LanguageConfig (*read_config)(const checkpoint::JsonObject& file, const std::filesystem::path& directory);
  /// The family's own fields, as the text of a JSON object.
  std::string (*write_config)(const model::LanguageConfig& llm);
};

const std::vector<LanguageFormat>& language_formats();

/// Throws CheckpointError for a family without a format.
const LanguageFormat& language_format_of(const model::LanguageConfig& llm);
/// The format of a config.json. Throws CheckpointError for a `model_type` that is none of the table's.
const LanguageFormat& language_format_of(const checkpoint::JsonObject& file);
/// Whether a `model_type` stands for a language model with LLaVA's fields.
bool is_llava(std::string_view model_type);

}  // namespace convllava::formats
