#pragma once

#include <string>
#include <string_view>
#include <vector>

// The VQA answer metric as LLaVA (`m4c_evaluator.py`) and lmms-eval (`vqa_eval_metric.py`) compute it. VLMEvalKit, from
// which the paper's TextVQA column comes, skips the first of the steps below.

namespace convllava::eval {

/// EvalAI's answer normalisation, quirks included:
/// - lower case; "," and "?" deleted; "'s" becomes a separate word;
/// - punctuation that has a blank beside it somewhere in the answer is deleted, other punctuation becomes a blank;
/// - the first 32 "." that no digit follows are deleted, also behind a digit;
/// - "none", "zero" ... "ten" become digits, "a", "an", "the" go, and contractions get their apostrophe ("dont").
/// ":", "%", "$", "#", "&", "*" and "'" stay.
std::string normalize_answer(std::string_view answer);

/// Leave-one-out soft accuracy in [0, 1]: the mean over the reference answers i of min(1, matches among the others /
/// 3), all normalised. Of 10 references 1, 2, 3, 4 equal ones give 0.3, 0.6, 0.9, 1. Throws DataError without
/// references.
double soft_accuracy(std::string_view prediction, const std::vector<std::string>& answers);

}  // namespace convllava::eval
