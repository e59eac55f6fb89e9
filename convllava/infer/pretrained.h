#pragma once

#include <torch/types.h>

#include <filesystem>

#include "convllava/checkpoint/record.h"
#include "convllava/infer/answer.h"
#include "convllava/model/convllava.h"
#include "convllava/text/tokenizer.h"

// A model ready to answer, from nothing but a directory.

namespace convllava::infer {

struct Pretrained {
  model::ConvLlava model;
  text::Tokenizer tokenizer;
  checkpoint::Record record;
};

/// A vision tower alone.
struct PretrainedTower {
  std::shared_ptr<model::VisionTower> tower;
  image::PreprocessOptions image;  ///< its image preprocessing, for `to_pixels`
};

/// Opens a checkpoint of this project, the newest one of a run folder, a ConvLLaVA directory without convllava.yaml
/// (template "v1", as published) or a Hugging Face LLaMA directory (a model without vision, template "plain"). Throws
/// CheckpointError, before the model is allocated, when config.json, tensors and tokenizer do not fit together or
/// cannot be read.
Pretrained load_pretrained(const std::filesystem::path& path, const torch::Device& device, torch::ScalarType dtype);

/// The tower of any of these, in evaluation mode; of a run folder, that of its newest checkpoint. Throws
/// CheckpointError.
PretrainedTower load_pretrained_tower(const std::filesystem::path& path, const torch::Device& device,
                                      torch::ScalarType dtype = torch::kFloat);

/// The question format of the checkpoint's model.
AnswerOptions answer_options(const checkpoint::Record& record);

}  // namespace convllava::infer
