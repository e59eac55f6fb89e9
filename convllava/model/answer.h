#pragma once

#include <optional>
#include <string>
#include <vector>

#include "convllava/image/preprocess.h"
#include "convllava/model/generate.h"
#include "convllava/text/conversation.h"
#include "convllava/text/tokenizer.h"

// Questions in words and pictures -> answers in words.

namespace convllava::model {

/// A conversation that ends with a human turn, and the picture its "<image>" stands for.
struct Question {
  std::vector<text::Turn> turns;
  std::optional<image::Image> picture;
};

/// How a model wants its input; a checkpoint's convllava.yaml says so.
struct AnswerOptions {
  text::Template prompt_template = text::Template::kV1;
  image::PreprocessOptions image;
  GenerateOptions generate;
};

/// Answers in the order of the questions, all in one batch. Throws DataError for a question that does not fit into the
/// model's max_position_embeddings, whose picture is too small, or that has a picture where the model has no tower.
std::vector<std::string> answer(ConvLlavaImpl& model, const text::Tokenizer& tokenizer,
                                const std::vector<Question>& questions, const AnswerOptions& options,
                                const OnToken& on_token = {});

}  // namespace convllava::model
