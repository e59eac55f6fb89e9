#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace convllava::eval {

/// Average normalised Levenshtein similarity of one question, in [0, 1], as VLMEvalKit and lmms-eval compute it: 1 -
/// the smallest (edits / longer length) over the reference answers, and 0 where that is below 0.5. Edits are counted in
/// lower case with white space collapsed, lengths before that. Throws DataError without references.
double anls(std::string_view prediction, const std::vector<std::string>& answers);

}  // namespace convllava::eval
