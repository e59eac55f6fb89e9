#pragma once

#include <torch/types.h>

#include <filesystem>

#include "convllava/checkpoint/record.h"
#include "convllava/checkpoint/safetensors.h"
#include "convllava/model/model_config.h"
#include "convllava/text/tokenizer.h"

// The JSON files beside the weights, with Hugging Face's fields.

namespace convllava::formats {

/// config.json (LLaMA's fields, and LLaVA's `mm_*` for a model with a tower) and generation_config.json. `dtype`: of
/// the stored weights.
void write_model_json(const std::filesystem::path& directory, const model::ModelConfig& model,
                      const checkpoint::Record& record, torch::ScalarType dtype);

/// config.json and preprocessor_config.json of a tower.
void write_vision_json(const std::filesystem::path& directory, const model::VisionConfig& vision,
                       const image::PreprocessOptions& image, torch::ScalarType dtype);

/// How the images of a ConvLLaVA directory, or of its `tower` alone, are prepared: `image_aspect_ratio` of config.json,
/// and `crop_size` or else `size` of the tower's preprocessor_config.json. Where that file is absent, the tower's only
/// size is used, or the number at the end of `mm_vision_tower` ("...-ConvNeXt-1536"), or else 768, with a warning.
/// Throws CheckpointError.
image::PreprocessOptions read_image_options(const std::filesystem::path& directory, const model::VisionConfig& tower);

/// The tokenizer's files: tokenizer.model, tokenizer_config.json and special_tokens_map.json of a SentencePiece one.
void write_tokenizer(const std::filesystem::path& directory, const text::Tokenizer& tokenizer, int64_t max_length);

/// Where the tower of a directory is: in its `vision_tower/`, or in itself.
std::filesystem::path tower_directory(const std::filesystem::path& directory);

}  // namespace convllava::formats
