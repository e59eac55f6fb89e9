#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "convllava/core/error.h"
#include "convllava/image/preprocess.h"
#include "convllava/infer/generate.h"
#include "convllava/text/conversation.h"
#include "convllava/text/templates.h"
#include "convllava/text/tokenizer.h"

// Questions in words and images -> answers in words.

namespace convllava::infer {

/// A conversation that ends with a human turn, and the image for the "<image>" in one of its human turns.
/// Everything else in the turns is data (text/prompt.h), so an earlier `Answer::text` can be put back whatever it says.
struct Question {
  std::vector<text::Turn> turns;
  std::optional<image::Image> image;
};

/// The input format of a model; a checkpoint's convllava.yaml has it.
struct AnswerOptions {
  text::Template prompt_template = text::Template::kV1;
  image::PreprocessOptions image;
  GenerateOptions generate;
};

/// An answer ends at an end token of the model or of the tokenizer, or where its text holds the template's stop text
/// (text/templates.h), which may be written by several tokens. It is then stripped of white space at both ends, as
/// in LLaVA; bare text of the template "plain", which continues the question, is not.
struct Answer {
  std::string text;  ///< UTF-8; without what ended it
  Finish finish = Finish::kEnd;
};

/// Thrown for a question that does not fit into the model's max_position_embeddings together with its conversation.
class ContextError : public DataError {
 public:
  using DataError::DataError;
};

/// Called with (question, text) when more of an answer is certain. The pieces together are `Answer::text`.
using OnText = std::function<void(size_t, std::string_view)>;

/// Answers in the order of the questions, all in one batch. Throws ContextError, and DataError for a question whose
/// image is too small, or that has an image where the model has no tower.
std::vector<Answer> answer(model::ConvLlavaImpl& model, const text::Tokenizer& tokenizer,
                           const std::vector<Question>& questions, const AnswerOptions& options,
                           const OnText& on_text = {});

}  // namespace convllava::infer
