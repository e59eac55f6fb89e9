#pragma once

// Characters that a tokenizer has no token for.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "convllava/text/tokenizer.h"

namespace convllava::text {

/// The characters among `ids` that are not part of any token of the vocabulary, with how often each occurs: those
/// written as one token per byte ("x" as <0x78>), and "<unk>" for what the tokenizer cannot write at all. Control
/// characters are left out: LLaMA's own tokenizer writes line breaks as bytes. A model knows such characters only from
/// what it was trained on, and for a small tokenizer that may be nothing.
std::map<std::string, int64_t> characters_without_token(const Tokenizer& tokenizer, const std::vector<int64_t>& ids);

/// "\"x\" 12, \"/\" 3 and 5 others": the most frequent first.
std::string list_characters(const std::map<std::string, int64_t>& counts);

}  // namespace convllava::text
