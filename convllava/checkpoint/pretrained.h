#pragma once

#include <torch/types.h>

#include <filesystem>

#include "convllava/config/checkpoint_record.h"
#include "convllava/model/answer.h"
#include "convllava/model/convllava.h"
#include "convllava/text/tokenizer.h"

// A model ready to answer, from nothing but a directory.

namespace convllava::checkpoint {

struct Pretrained {
  model::ConvLlava model;
  text::Tokenizer tokenizer;
  config::CheckpointRecord record;
};

/// The tokenizer of a checkpoint. Throws CheckpointError when there is none or it cannot be read.
text::Tokenizer load_tokenizer(const std::filesystem::path& directory);

/// Opens a checkpoint of this project, a ConvLLaVA directory without convllava.yaml (template "v1", as published) or a
/// Hugging Face LLaMA directory (a model without vision, template "plain"). Throws CheckpointError, before the model is
/// allocated, when config.json, tensors and tokenizer do not fit together or cannot be read.
Pretrained load_pretrained(const std::filesystem::path& directory, const torch::Device& device,
                           torch::ScalarType dtype);

/// How the checkpoint's model wants its questions.
model::AnswerOptions answer_options(const config::CheckpointRecord& record);

}  // namespace convllava::checkpoint
