#include "convllava/model/answer.h"

#include "convllava/core/error.h"
#include "convllava/data/packed_batch.h"
#include "convllava/model/batch.h"
#include "convllava/nn/libtorch.h"

namespace convllava::model {
namespace {

data::Sample encode(const ConvLlavaImpl& model, const text::Tokenizer& tokenizer, const Question& question,
                    const AnswerOptions& options) {
  if (question.picture) model.require_vision();
  data::Sample sample;
  sample.prompt.input_ids =
      text::encode_question(tokenizer, options.prompt_template, question.turns, question.picture.has_value());
  sample.prompt.labels.assign(sample.prompt.input_ids.size(), text::kIgnoreLabel);
  if (question.picture) {
    const auto& vision = model.config().vision;
    const auto [height, width] = image::output_size(options.image, question.picture->height, question.picture->width);
    sample.visual_tokens = vision.num_tokens(height, width);
    if (sample.visual_tokens == 0) {
      throw DataError(error_message("picture", "gives no visual token",
                                    std::to_string(width) + "x" + std::to_string(height) + " pixels after resizing",
                                    "at least " + std::to_string(vision.total_stride()) + " on a side"));
    }
  }
  const auto text_tokens = static_cast<int64_t>(sample.prompt.input_ids.size()) - (question.picture ? 1 : 0);
  const int64_t limit = model.config().llm.max_position_embeddings;
  if (text_tokens + sample.visual_tokens >= limit) {
    throw DataError(error_message(
        "question", "does not fit into the model's context",
        std::to_string(text_tokens) + " text and " + std::to_string(sample.visual_tokens) + " visual tokens",
        "fewer than " + std::to_string(limit) + " together"));
  }
  if (question.picture) sample.picture = image::preprocess(*question.picture, options.image);
  return sample;
}

}  // namespace

std::vector<std::string> answer(ConvLlavaImpl& model, const text::Tokenizer& tokenizer,
                                const std::vector<Question>& questions, const AnswerOptions& options,
                                const OnToken& on_token) {
  std::vector<data::Sample> samples;
  for (const auto& question : questions) samples.push_back(encode(model, tokenizer, question, options));
  const auto packed = data::pack(samples, model.config().llm.max_position_embeddings);
  const auto device = model.llm->head_weight().device();
  const auto ids = generate(model, to_tensors(packed, device), options.generate, on_token);
  std::vector<std::string> answers;
  for (const auto& tokens : ids) answers.push_back(tokenizer.decode(tokens));
  return answers;
}

}  // namespace convllava::model
