#pragma once

// Conversation -> token ids and labels. Labels come from spans recorded while the prompt is built, so that no length
// arithmetic can drift; on well-formed conversations they equal LLaVA's `preprocess_v1` and `preprocess_plain`. Where
// those lose count and mask the whole sample, the answers are still learned: messages that hold "</s>", "<unk>" or
// " ASSISTANT: ", empty messages, several rounds with a legacy tokenizer.

#include <cstdint>
#include <string>
#include <vector>

#include "convllava/text/conversation.h"
#include "convllava/text/tokenizer.h"

namespace convllava::text {

/// Stands in `input_ids` where an image's visual tokens go (LLaVA's IMAGE_TOKEN_INDEX).
inline constexpr int64_t kImageToken = -200;
/// The label of a position without loss (torch's ignore_index).
inline constexpr int64_t kIgnoreLabel = -100;

/// [begin, end) in `input_ids`.
struct TokenSpan {
  int64_t begin = 0;
  int64_t end = 0;
};

struct EncodedPrompt {
  std::vector<int64_t> input_ids;  ///< [T], starts with BOS; kImageToken per image
  std::vector<int64_t> labels;     ///< [T], input_ids inside the answers and their </s>, kIgnoreLabel elsewhere
  std::vector<TokenSpan> answers;  ///< one per assistant turn, in order
};

/// The whole conversation with labels. `has_image` says that the sample carries an image: placeholders are then
/// normalised (conversation.h), and one human turn must hold one; without an image, a "<image>" in the text is an
/// error. Turns must alternate starting with a human (a leading assistant turn is dropped, as in LLaVA) and every human
/// turn must be answered; after an empty answer only its </s> is learned. `kPlain` takes an image and its caption, no
/// more. Throws DataError saying which rule was broken; the caller adds file and record.
EncodedPrompt encode_conversation(const Tokenizer& tokenizer, Template format, const std::vector<Turn>& turns,
                                  bool has_image);

/// The prompt that asks for the next answer: everything up to "ASSISTANT:". `turns` ends with a human turn. As in
/// training, the image goes in front of the words of the human turn that holds "<image>".
///
/// What people and models say is data here, never markup: "</s>", "<s>" and "<unk>" in a turn are tokenized as they are
/// spelled (in training data, as in LLaVA's, they are the special tokens), and "<image>" in an answer is no image.
std::vector<int64_t> encode_question(const Tokenizer& tokenizer, Template format, const std::vector<Turn>& turns,
                                     bool has_image);

/// The same prompt as text, for people ("<image>" stays as it is).
std::string render_conversation(Template format, const std::vector<Turn>& turns);

}  // namespace convllava::text
