#include "convllava/infer/pretrained.h"

#include <fmt/format.h>

#include "convllava/checkpoint/file_access.h"
#include "convllava/checkpoint/json_object.h"
#include "convllava/checkpoint/run_folder.h"
#include "convllava/core/error.h"
#include "convllava/core/log.h"
#include "convllava/core/suggest.h"
#include "convllava/formats/hf_config.h"
#include "convllava/formats/model_directory.h"
#include "convllava/formats/open_checkpoint.h"
#include "convllava/nn/libtorch.h"

namespace convllava::infer {

namespace {

/// The record of a directory that others wrote.
checkpoint::Record record_of(const std::filesystem::path& directory, const model::ModelConfig& shape) {
  checkpoint::Record record;
  record.max_length = shape.llm.max_position_embeddings;
  if (!shape.vision) {
    record.prompt_template = text::Template::kPlain;
  } else {
    record.image = formats::read_image_options(directory, *shape.vision);
  }
  return record;
}

/// Options of generation_config.json that greedy decoding does not use.
void warn_of_unused_generation(const std::filesystem::path& directory) {
  const auto path = directory / "generation_config.json";
  if (!checkpoint::path_exists(path)) return;
  const checkpoint::JsonObject file(path);
  std::vector<std::string> unused;
  for (const auto& [field, neutral] : {std::pair("repetition_penalty", 1.0), std::pair("no_repeat_ngram_size", 0.0),
                                       std::pair("min_length", 0.0), std::pair("min_new_tokens", 0.0)}) {
    if (file.number(field, neutral) != neutral) unused.emplace_back(field);
  }
  for (const char* field : {"stop_strings", "bad_words_ids", "suppress_tokens", "begin_suppress_tokens",
                            "forced_bos_token_id", "forced_eos_token_id"}) {
    if (file.has(field)) unused.emplace_back(field);
  }
  if (unused.empty()) return;
  core::log_warning(
      fmt::format("{}: {} without effect: answers are decoded greedily", path.string(), core::join(unused)));
}

}  // namespace

Pretrained load_pretrained(const std::filesystem::path& path, const torch::Device& device, torch::ScalarType dtype) {
  const formats::OpenCheckpoint opened(path);
  const auto& directory = opened.path();
  const auto stored = checkpoint::read_record(directory);
  const auto shape = formats::read_model_config(directory);
  auto record = stored ? *stored : record_of(directory, shape);
  if (shape.vision) record.image.stats = shape.vision->pixel_stats();
  const auto tokenizer = formats::load_tokenizer(directory);
  if (tokenizer.vocab_size() > shape.llm.vocab_size) {
    throw CheckpointError(directory.string(), "the tokenizer has more tokens than the language model has embeddings",
                          std::to_string(tokenizer.vocab_size()), "at most " + std::to_string(shape.llm.vocab_size));
  }
  formats::check_model(directory, *model::ConvLlava(shape, torch::TensorOptions(torch::kMeta)));
  model::ConvLlava model(shape, torch::TensorOptions(device).dtype(dtype));
  formats::load_model(directory, *model);
  model->eval();
  warn_of_unused_generation(directory);
  return {model, tokenizer, record};
}

PretrainedTower load_pretrained_tower(const std::filesystem::path& path, const torch::Device& device,
                                      torch::ScalarType dtype) {
  const formats::OpenCheckpoint opened(path);
  const auto& directory = opened.path();
  const auto shape = formats::read_vision_config(directory);
  const auto stored = checkpoint::read_record(directory);
  PretrainedTower pretrained{shape->make(torch::TensorOptions(device).dtype(dtype)),
                             stored ? stored->image : formats::read_image_options(directory, *shape)};
  pretrained.image.stats = shape->pixel_stats();
  formats::load_vision_tower(directory, *pretrained.tower);
  pretrained.tower->eval();
  return pretrained;
}

AnswerOptions answer_options(const checkpoint::Record& record) {
  AnswerOptions options;
  options.prompt_template = record.prompt_template;
  options.image = record.image;
  return options;
}

}  // namespace convllava::infer
