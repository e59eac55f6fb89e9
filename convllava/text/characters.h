#pragma once

// Characters that a tokenizer has no token for.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "convllava/text/tokenizer.h"

namespace convllava::text {

/// The characters among `ids` that no token of the vocabulary contains, with their counts: characters written as one
/// token per byte ("x" as <0x78>), and "<unk>" for characters that the tokenizer cannot write. Control characters are
/// not counted: LLaMA's own tokenizer writes line breaks as bytes. A model with a small tokenizer may never have seen
/// such characters in training.
std::map<std::string, int64_t> characters_without_token(const Tokenizer& tokenizer, const std::vector<int64_t>& ids);

/// "\"x\" 12, \"/\" 3 and 5 others", the most frequent first.
std::string list_characters(const std::map<std::string, int64_t>& counts);

}  // namespace convllava::text
