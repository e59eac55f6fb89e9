#pragma once

// Conversation -> token ids and labels. Labels come from the ranges of the answers, which are recorded while the prompt
// is built. On well-formed conversations they equal LLaVA's `preprocess_v1` and `preprocess_plain`. Those count tokens;
// where their count is wrong they mask the whole sample, and the answers are learned here: messages with "</s>",
// "<unk>" or " ASSISTANT: ", empty messages, several rounds with a legacy tokenizer.

#include <cstdint>
#include <string>
#include <vector>

#include "convllava/text/conversation.h"
#include "convllava/text/templates.h"
#include "convllava/text/tokenizer.h"

namespace convllava::text {

/// The place of an image's visual tokens in `input_ids` (LLaVA's IMAGE_TOKEN_INDEX).
inline constexpr int64_t kImageToken = -200;
/// The label of a position without loss (torch's ignore_index).
inline constexpr int64_t kIgnoreLabel = -100;

/// [begin, end) in `input_ids`.
struct TokenSpan {
  int64_t begin = 0;
  int64_t end = 0;
};

struct EncodedPrompt {
  std::vector<int64_t> input_ids;  ///< [T], BOS first where the template adds it; kImageToken per image
  std::vector<int64_t> labels;     ///< [T], input_ids inside the answers and their ends, kIgnoreLabel elsewhere
  std::vector<TokenSpan> answers;  ///< one per assistant turn, in order
};

/// The whole conversation with labels.
/// - With an image (`has_image`), one human turn must have an "<image>", and it is moved to the front of that turn
///   (conversation.h). Without an image, "<image>" in the text is an error.
/// - Turns alternate, a human turn first; a leading assistant turn is dropped, as in LLaVA. Each human turn needs an
///   answer. Of an empty answer only the end is learned.
/// - A caption template takes one image and its caption.
/// Throws DataError with the broken rule; the caller adds file and record.
EncodedPrompt encode_conversation(const Tokenizer& tokenizer, Template format, const std::vector<Turn>& turns,
                                  bool has_image);

/// The prompt for the next answer, through the template's `assistant`. `turns` ends with a human turn. As in training,
/// the image is moved to the front of the human turn that has "<image>".
///
/// Messages are data here, not markup: "</s>", "<s>" and "<unk>" in a turn are tokenized as ordinary text (in training
/// data, as in LLaVA's, they are the special tokens), and "<image>" in an answer is not an image.
std::vector<int64_t> encode_question(const Tokenizer& tokenizer, Template format, const std::vector<Turn>& turns,
                                     bool has_image);

/// The same prompt as text, for people to read; "<image>" is kept.
std::string render_conversation(Template format, const std::vector<Turn>& turns);

}  // namespace convllava::text
