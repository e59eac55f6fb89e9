#pragma once

// The demo's own tokenizer: SentencePiece BPE with LLaMA's special ids and settings.

#include <string>
#include <vector>

namespace convllava::demo {

/// The bytes of a `tokenizer.model`: ids 0 <unk>, 1 <s>, 2 </s>, 256 byte pieces, then pieces merged until every word
/// of `texts` is a single one. Throws DataError with SentencePiece's reason when it cannot train.
std::string train_tokenizer(const std::vector<std::string>& texts);

}  // namespace convllava::demo
