#include "convllava/checkpoint/pretrained.h"

#include <fmt/format.h>

#include "convllava/checkpoint/file_access.h"
#include "convllava/checkpoint/hf_config.h"
#include "convllava/checkpoint/json_object.h"
#include "convllava/checkpoint/model_directory.h"
#include "convllava/checkpoint/preprocessor_check.h"
#include "convllava/checkpoint/retention.h"
#include "convllava/core/error.h"
#include "convllava/core/log.h"
#include "convllava/core/suggest.h"
#include "convllava/nn/libtorch.h"

namespace convllava::checkpoint {

namespace {

/// The record of a directory that others wrote.
Record record_of(const std::filesystem::path& directory, const config::ModelConfig& shape) {
  Record record;
  record.max_length = shape.llm.max_position_embeddings;
  if (shape.vision.num_stages() == 0) {
    record.prompt_template = text::Template::kPlain;
  } else {
    record.image = read_image_options(directory);
  }
  return record;
}

/// What generation_config.json asks for and greedy decoding here does not do.
void warn_of_unused_generation(const std::filesystem::path& directory) {
  const auto path = directory / "generation_config.json";
  if (!path_exists(path)) return;
  const JsonObject file(path);
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

text::Tokenizer load_tokenizer(const std::filesystem::path& directory) {
  try {
    return text::Tokenizer::load(directory);
  } catch (const DataError& error) {
    throw CheckpointError(error.what());
  }
}

Pretrained load_pretrained(const std::filesystem::path& path, const torch::Device& device, torch::ScalarType dtype) {
  const OpenCheckpoint opened(path);
  const auto& directory = opened.path();
  const auto stored = read_record(directory);
  check_preprocessor(directory);
  const auto shape = read_model_config(directory);
  const auto record = stored ? *stored : record_of(directory, shape);
  const auto tokenizer = load_tokenizer(directory);
  if (tokenizer.vocab_size() > shape.llm.vocab_size) {
    throw CheckpointError(
        error_message(directory.string(), "the tokenizer has more tokens than the language model has embeddings",
                      std::to_string(tokenizer.vocab_size()), "at most " + std::to_string(shape.llm.vocab_size)));
  }
  check_model(directory, *model::ConvLlava(shape, torch::TensorOptions(torch::kMeta)));
  model::ConvLlava model(shape, torch::TensorOptions(device).dtype(dtype));
  load_model(directory, *model);
  model->eval();
  warn_of_unused_generation(directory);
  return {model, tokenizer, record};
}

PretrainedTower load_pretrained_tower(const std::filesystem::path& path, const torch::Device& device,
                                      torch::ScalarType dtype) {
  const OpenCheckpoint opened(path);
  const auto& directory = opened.path();
  check_preprocessor(directory);
  const auto shape = read_vision_config(directory);
  const auto stored = read_record(directory);
  PretrainedTower pretrained{model::ConvNext(shape, torch::TensorOptions(device).dtype(dtype)),
                             stored ? stored->image : read_image_options(directory)};
  load_vision_tower(directory, *pretrained.tower);
  pretrained.tower->eval();
  return pretrained;
}

model::AnswerOptions answer_options(const Record& record) {
  model::AnswerOptions options;
  options.prompt_template = record.prompt_template;
  options.image = record.image;
  return options;
}

}  // namespace convllava::checkpoint
