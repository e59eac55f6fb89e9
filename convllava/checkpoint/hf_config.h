#pragma once

#include <torch/types.h>

#include <filesystem>

#include "convllava/checkpoint/safetensors.h"
#include "convllava/config/checkpoint_record.h"
#include "convllava/config/model_config.h"
#include "convllava/text/tokenizer.h"

// The JSON files beside the weights, with Hugging Face's fields.

namespace convllava::checkpoint {

/// config.json (LLaMA's fields, and LLaVA's `mm_*` for a model with a tower) and generation_config.json. `dtype`: of
/// the stored weights.
void write_model_json(const std::filesystem::path& directory, const config::ModelConfig& model,
                      const config::CheckpointRecord& record, torch::ScalarType dtype);

/// config.json and preprocessor_config.json of a tower.
void write_vision_json(const std::filesystem::path& directory, const config::VisionConfig& vision,
                       const image::PreprocessOptions& image, torch::ScalarType dtype);

/// tokenizer.model, tokenizer_config.json and special_tokens_map.json.
void write_tokenizer(const std::filesystem::path& directory, const text::Tokenizer& tokenizer, int64_t max_length);

/// The shape of the tower whose tensors these are, for directories without a config.json of it. Throws CheckpointError.
config::VisionConfig vision_config_of(const std::map<std::string, TensorInfo>& tensors,
                                      const std::filesystem::path& directory);

/// Where the tower of a directory is: in its `vision_tower/`, or in itself.
std::filesystem::path tower_directory(const std::filesystem::path& directory);

}  // namespace convllava::checkpoint
