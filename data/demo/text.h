#pragma once

// The words about a scene: a caption with all its facts, and a question with its answer for each of them.

#include <string>
#include <vector>

#include "convllava/core/random.h"
#include "data/demo/scene.h"

namespace convllava::demo {

struct Question {
  std::string kind;  ///< "word", "number", "shape", "color" (of the shape) or "sign" (its colour)
  std::string text;
  std::string answer;
};

/// "The green sign says KEY, the star is red and the number is 42." in one of several wordings.
std::string caption(const Scene& scene, core::Random& random);

/// What a user says to get a caption, without the image's placeholder.
std::string caption_prompt(core::Random& random);

/// Every fact of the scene once, in random order and wording.
std::vector<Question> questions(const Scene& scene, core::Random& random);

/// Follows the first question of a conversation and every question of the benchmark.
inline constexpr const char* kShortAnswer = "Answer the question using a single word or phrase.";

/// What the tokenizer is trained on: every wording with every value of a fact, and the texts of the prompt templates.
std::vector<std::string> tokenizer_texts();

}  // namespace convllava::demo
