#include "convllava/checkpoint/pretrained.h"

#include "convllava/checkpoint/model_directory.h"
#include "convllava/nn/libtorch.h"

namespace convllava::checkpoint {

Pretrained load_pretrained(const std::filesystem::path& directory, const torch::Device& device,
                           torch::ScalarType dtype) {
  const auto record = read_record(directory);
  config::ModelConfig shape;
  if (record) {
    shape = read_model_config(directory);
  } else {
    shape.vision.depths.clear();
    shape.vision.hidden_sizes.clear();
    shape.llm = read_llama_config(directory);
  }
  const auto tokenizer = text::Tokenizer::load(directory);
  model::ConvLlava model(shape, torch::TensorOptions(device).dtype(dtype));
  if (record) {
    load_model(directory, *model);
  } else {
    load_llama(directory, *model->llm);
  }
  model->eval();
  config::CheckpointRecord plain;
  plain.prompt_template = text::Template::kPlain;
  plain.max_length = shape.llm.max_position_embeddings;
  return {model, tokenizer, record.value_or(plain)};
}

model::AnswerOptions answer_options(const config::CheckpointRecord& record) {
  model::AnswerOptions options;
  options.prompt_template = record.prompt_template;
  options.image = record.image;
  return options;
}

}  // namespace convllava::checkpoint
