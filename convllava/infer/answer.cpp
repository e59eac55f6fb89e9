#include "convllava/infer/answer.h"

#include <algorithm>

#include "convllava/core/unicode.h"
#include "convllava/data/packed_batch.h"
#include "convllava/infer/tensors.h"
#include "convllava/nn/libtorch.h"

namespace convllava::infer {
namespace {

data::Sample encode(const model::ConvLlavaImpl& model, const text::Tokenizer& tokenizer, const Question& question,
                    const AnswerOptions& options) {
  data::Sample sample;
  sample.prompt.input_ids =
      text::encode_question(tokenizer, options.prompt_template, question.turns, question.image.has_value());
  sample.prompt.labels.assign(sample.prompt.input_ids.size(), text::kIgnoreLabel);
  if (question.image) {
    const auto& vision = model.config().tower();
    const auto [height, width] = image::output_size(options.image, question.image->height, question.image->width);
    sample.visual_tokens = vision.num_tokens(height, width);
    if (sample.visual_tokens == 0) {
      throw DataError("image", "gives no visual token",
                      std::to_string(width) + "x" + std::to_string(height) + " pixels after resizing",
                      vision.image_sizes());
    }
  }
  const auto text_tokens = static_cast<int64_t>(sample.prompt.input_ids.size()) - (question.image ? 1 : 0);
  const int64_t limit = model.config().llm.max_position_embeddings;
  if (text_tokens + sample.visual_tokens >= limit) {
    throw ContextError(
        question.turns.size() > 1 ? "conversation" : "question", "does not fit into the model's context",
        std::to_string(text_tokens) + " text and " + std::to_string(sample.visual_tokens) + " visual tokens",
        "fewer than " + std::to_string(limit) + " together");
  }
  if (question.image) sample.image = image::preprocess(*question.image, options.image);
  return sample;
}

/// One answer while its tokens come.
class AnswerText {
 public:
  AnswerText(const text::Tokenizer& tokenizer, std::string_view stop) : stream_(tokenizer), stop_(stop) {}

  void add(int64_t token) {
    stream_.add(token);
    look_for_stop();
  }
  /// No token follows.
  void finish() {
    stream_.finish();
    look_for_stop();
    finished_ = true;
  }
  bool stopped() const { return end_.has_value(); }

  /// What is certain and was not taken yet. White space waits for what follows it, and so does a possible beginning of
  /// the stop text.
  std::string_view take() {
    std::string_view certain = text().substr(0, end_.value_or(text().size()));
    if (!finished_ && !stopped()) certain.remove_suffix(begun_stop());
    if (!stop_.empty()) certain = core::strip(certain);
    const auto fresh = certain.substr(taken_);
    taken_ = certain.size();
    return fresh;
  }

 private:
  std::string_view text() const { return stream_.text(); }

  void look_for_stop() {
    if (stop_.empty() || stopped()) return;
    const size_t at = text().find(stop_, searched_);
    if (at != std::string_view::npos) end_ = at;
    searched_ = text().size() - std::min(text().size(), stop_.size() - 1);
  }

  /// Bytes at the end of the text with which the stop text begins.
  size_t begun_stop() const {
    size_t length = stop_.empty() ? 0 : std::min(text().size(), stop_.size() - 1);
    while (length > 0 && !text().ends_with(stop_.substr(0, length))) --length;
    return length;
  }

  text::TextStream stream_;
  std::string_view stop_;
  std::optional<size_t> end_;  ///< where the stop text begins
  size_t searched_ = 0;
  size_t taken_ = 0;
  bool finished_ = false;
};

}  // namespace

std::vector<Answer> answer(model::ConvLlavaImpl& model, const text::Tokenizer& tokenizer,
                           const std::vector<Question>& questions, const AnswerOptions& options,
                           const OnText& on_text) {
  std::vector<data::Sample> samples;
  for (const auto& question : questions) samples.push_back(encode(model, tokenizer, question, options));
  const auto packed = data::pack(samples, model.config().llm.max_position_embeddings);
  const auto device = model.llm->head_weight().device();

  std::vector<AnswerText> texts;
  for (const auto& question : questions) {
    texts.emplace_back(tokenizer, text::stop_text(options.prompt_template, question.image.has_value()));
  }
  std::vector<Answer> answers(questions.size());
  const auto hand_out = [&](size_t i) {
    const auto fresh = texts[i].take();
    answers[i].text += fresh;
    if (on_text && !fresh.empty()) on_text(i, fresh);
  };
  const auto on_token = [&](int64_t sequence, int64_t token) {
    texts[sequence].add(token);
    hand_out(sequence);
    return !texts[sequence].stopped();
  };
  auto generating = options.generate;
  generating.end_tokens.insert(generating.end_tokens.end(), tokenizer.end_ids().begin(), tokenizer.end_ids().end());
  const auto generated = generate(model, to_tensors(packed, device), generating, on_token);
  for (size_t i = 0; i < answers.size(); ++i) {
    texts[i].finish();
    hand_out(i);
    answers[i].finish = texts[i].stopped() ? Finish::kEnd : generated[i].finish;
  }
  return answers;
}

}  // namespace convllava::infer
