#pragma once

#include <filesystem>
#include <memory>

#include "convllava/text/tokenizer_model.h"
#include "convllava/text/tokenizer_settings.h"

namespace convllava::text {

/// LLaMA's SentencePiece tokenizer (`file`: a `.model` file), with the old and the new behaviour of Hugging Face's
/// `LlamaTokenizer`. The tokenizer_config.json in the same folder sets the behaviour: `"legacy": false` is kNonLegacy;
/// true, null and an absent "legacy" are kLegacy, as in transformers 4.39.3, which the reference uses. Without that
/// file it is `fallback`. Throws DataError for a file that is not a SentencePiece model.
std::shared_ptr<const TokenizerModel> load_sentencepiece(const std::filesystem::path& file,
                                                         TokenizerBehaviour fallback = TokenizerBehaviour::kNonLegacy);

}  // namespace convllava::text
