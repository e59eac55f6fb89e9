#pragma once

#include <filesystem>

#include "convllava/checkpoint/record.h"
#include "convllava/checkpoint/safetensors.h"
#include "convllava/model/convllava.h"
#include "convllava/model/model_config.h"
#include "convllava/text/tokenizer.h"

// A checkpoint as a directory in the Hugging Face layout (docs/checkpoints.md):
//
//   config.json                  LLaMA fields + mm_* fields; LlamaForCausalLM.from_pretrained reads it
//   model*.safetensors           language model and projector (model.mm_projector.*)
//   generation_config.json, tokenizer.model, tokenizer_config.json, special_tokens_map.json
//   vision_tower/                config.json, preprocessor_config.json, model*.safetensors;
//                                transformers' ConvNextModel or CLIPVisionModel reads it
//   convllava.yaml               Record (record.h)
//   state/                       optimizer state, for resuming (training_state.h)
//
// `directory` is such a directory. `find_checkpoint` (open_checkpoint.h) gives the newest one of a run folder;
// pretrained.h opens either.

namespace convllava::formats {

/// The files of a model's tensors, each of which may be written by another rank; at least `files` for each part of the
/// directory, where it has as many tensors.
std::vector<checkpoint::WeightsFile> plan_weights(const model::ConvLlavaImpl& model, int64_t files = 1);

/// Writes everything but `state/` and the files of `plan` into an existing directory (a core::PendingDirectory's).
void save_model_files(const std::filesystem::path& directory, const model::ConvLlavaImpl& model,
                      const text::Tokenizer& tokenizer, const checkpoint::Record& record,
                      const std::vector<checkpoint::WeightsFile>& plan);

/// Writes everything but `state/` into an existing directory. Tensors keep the type they have in the model. A model
/// without a tower becomes a plain LLaMA directory.
void save_model(const std::filesystem::path& directory, const model::ConvLlavaImpl& model,
                const text::Tokenizer& tokenizer, const checkpoint::Record& record);

/// The shapes of a checkpoint, from its config.json files. Throws CheckpointError naming file and field.
/// A tower without its own config.json (published ConvLLaVA shards, OpenCLIP, timm) is measured from its tensors;
/// a directory of a language model alone has no tower. A tower's preprocessor_config.json must normalise pixels as the
/// tower's family does.
model::ModelConfig read_model_config(const std::filesystem::path& directory);
model::LanguageConfig read_language_config(const std::filesystem::path& directory);
model::VisionConfigPtr read_vision_config(const std::filesystem::path& directory);

/// Compare the names and shapes of a directory's tensors with those of `outline`. With an outline on the meta device, a
/// config.json that does not match the weights is reported before a model of that size is allocated. Throw as
/// `load_model`, `load_language_model` and `load_vision_tower` do.
void check_model(const std::filesystem::path& directory, const model::ConvLlavaImpl& outline);
void check_language_model(const std::filesystem::path& directory, const model::LanguageModel& outline);
void check_vision_tower(const std::filesystem::path& directory, const model::VisionTower& outline);

/// Loads all parts, whatever the types of file and model. The tower comes from `vision_tower/` or, where that is
/// absent, from the model files (`model.vision_tower.vision_tower.*`, the published layout). Throws CheckpointError
/// listing the missing, unexpected and mis-shaped tensors; the model is then untouched.
void load_model(const std::filesystem::path& directory, model::ConvLlavaImpl& model);

/// The language model of a Hugging Face (or ConvLLaVA) directory; other tensors in it are ignored.
void load_language_model(const std::filesystem::path& directory, model::LanguageModel& llm);

/// The tower of a directory of its own, or of a ConvLLaVA one. The directory may lack the last stages of a ConvNeXt:
/// their blocks keep their values and are returned. Text towers and heads in the files are ignored.
std::vector<nn::Block> load_vision_tower(const std::filesystem::path& directory, model::VisionTower& tower);

/// The tokenizer of a checkpoint. Throws CheckpointError when there is none or it cannot be read.
text::Tokenizer load_tokenizer(const std::filesystem::path& directory);

}  // namespace convllava::formats
