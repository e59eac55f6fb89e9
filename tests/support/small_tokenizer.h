#pragma once

// A tokenizer of 600 tokens.

#include <string>

#include "convllava/text/tokenizer.h"

namespace convllava::testing {

inline const std::string kTokenizer = CONVLLAVA_SOURCE_DIR "/tests/golden/text/tokenizer.model";

inline text::Tokenizer small_tokenizer() { return text::Tokenizer::load(kTokenizer); }

}  // namespace convllava::testing
