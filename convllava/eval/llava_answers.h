#pragma once

#include <filesystem>
#include <vector>

#include "convllava/eval/benchmark.h"
#include "convllava/eval/benchmarks/vqa_file.h"

// TextVQA answers as LLaVA's `model_vqa_loader.py` writes them and its `eval_textvqa.py` scores them: "question_id" is
// the id of the image, and "prompt" holds the question.
//
//     {"question_id": "0a1b...", "prompt": "What is it?\nAnswer the question ...", "text": "dakota", ...}

namespace convllava::eval {

/// Whether the first of the predictions has a prompt, and an id that is an image's and no question's.
bool are_llava_answers(const std::vector<VqaEntry>& entries, const std::vector<Prediction>& predictions);

/// Gives each prediction the id of the question that it answers: the one of its image that equals the prompt's in
/// lower case. Where an image has the same question twice, both get the reference answers of the last, as in
/// `eval_textvqa.py`. Throws DataError naming `file` and line when the question is unknown, or the prompt is not
/// LLaVA's.
void find_questions(std::vector<VqaEntry>& entries, std::vector<Prediction>& predictions,
                    const std::filesystem::path& file);

}  // namespace convllava::eval
