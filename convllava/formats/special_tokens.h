#pragma once

#include <filesystem>

#include "convllava/model/model_config.h"

namespace convllava::formats {

/// Sets bos_token_id, eos_token_id and pad_token_id from config.json and generation_config.json, as transformers 5
/// reads each of them: an id, null, or nothing (then LlamaConfig's default: 1, 2, null); eos_token_id may be a list; -1
/// means null in the other two.
///
/// `eos_token_id` becomes the union of both files. Transformers takes generation_config.json alone where there is one;
/// but these files often disagree, and text after an end token is useless. Throws
/// CheckpointError naming the file when an id is not a whole number or not in the vocabulary.
void read_special_tokens(const std::filesystem::path& directory, model::LanguageConfig& llm);

}  // namespace convllava::formats
