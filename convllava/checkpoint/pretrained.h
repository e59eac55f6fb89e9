#pragma once

#include <torch/types.h>

#include <filesystem>

#include "convllava/checkpoint/record.h"
#include "convllava/model/answer.h"
#include "convllava/model/convllava.h"
#include "convllava/text/tokenizer.h"

// A model ready to answer, from nothing but a directory.

namespace convllava::checkpoint {

struct Pretrained {
  model::ConvLlava model;
  text::Tokenizer tokenizer;
  Record record;
};

/// A vision tower alone.
struct PretrainedTower {
  model::ConvNext tower;
  image::PreprocessOptions image;  ///< how it wants its pictures: `model::to_pixels` takes them
};

/// The tokenizer of a checkpoint. Throws CheckpointError when there is none or it cannot be read.
text::Tokenizer load_tokenizer(const std::filesystem::path& directory);

/// Opens a checkpoint of this project, the newest one of a run folder, a ConvLLaVA directory without convllava.yaml
/// (template "v1", as published) or a Hugging Face LLaMA directory (a model without vision, template "plain"). Throws
/// CheckpointError, before the model is allocated, when config.json, tensors and tokenizer do not fit together or
/// cannot be read.
Pretrained load_pretrained(const std::filesystem::path& path, const torch::Device& device, torch::ScalarType dtype);

/// The tower of any of these, in evaluation mode; of a run folder, that of its newest checkpoint. Throws
/// CheckpointError.
PretrainedTower load_pretrained_tower(const std::filesystem::path& path, const torch::Device& device,
                                      torch::ScalarType dtype = torch::kFloat);

/// How the checkpoint's model wants its questions.
model::AnswerOptions answer_options(const Record& record);

}  // namespace convllava::checkpoint
