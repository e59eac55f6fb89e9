#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "convllava/eval/benchmark.h"

// Shared by the benchmarks with one image and one question: the file {"data": [{question, answers, ...}, ...]},
// and the assignment of predictions to questions.

namespace convllava::eval {

/// An entry of such a file. Fields that an entry lacks are empty.
struct VqaEntry {
  std::string where;  ///< "file: data[12]"
  std::string id;
  std::string question;
  std::string image;                 ///< path relative to the file's folder
  std::string image_id;              ///< TextVQA
  std::string image_local_name;      ///< InfographicVQA: the name of the image's file
  std::string set_name;              ///< TextVQA: "train", "val" or "test"
  std::string kind;                  ///< "question_kind": groups of questions with separate scores
  std::vector<std::string> answers;  ///< empty in a split whose answers are not published
};

/// `data` itself when it is a file, else `name` in that folder. Throws DataError with the reason when neither exists.
std::filesystem::path find_vqa_file(const std::filesystem::path& data, const std::string& name);

/// The entries in the order of the file; `id_field` names the field with the unique id, a number or text. Throws
/// DataError naming file and line or entry: invalid JSON, no questions, a field that is absent, empty or of the wrong
/// type, a repeated id.
std::vector<VqaEntry> read_vqa_file(const std::filesystem::path& file, const std::string& id_field);

/// Whether the entries have reference answers. Throws DataError when only some have.
bool have_answers(const std::vector<VqaEntry>& entries);

/// "file:12", or the file alone for a prediction that was not read from it.
std::string place_of(const Prediction& prediction, const std::filesystem::path& file);

/// The predicted text of each entry. Throws DataError naming `file`, where the predictions are, when one is missing,
/// double or for none of the entries, and naming the entry that has no answers to compare with.
std::vector<std::string> predictions_in_order(const std::vector<VqaEntry>& entries,
                                              const std::vector<Prediction>& predictions,
                                              const std::filesystem::path& file);

}  // namespace convllava::eval
