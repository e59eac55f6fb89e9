#pragma once

// A benchmark: official files -> questions; predictions -> score. Predicting and scoring share only predictions.jsonl,
// so predictions of any program can be scored.

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace convllava::eval {

/// A source of one image.
struct QuestionImage {
  std::filesystem::path path;
};

struct Question {
  std::string id = {};                     ///< unique within the benchmark
  std::string group = {};                  ///< the task or kind with a separate score; "" where the benchmark has none
  std::string text = {};                   ///< the prompt without its "<image>\n"; includes the options, if any
  std::vector<std::string> options = {};   ///< of a multiple-choice question, in order; else empty
  std::vector<QuestionImage> images = {};  ///< in the order of the text
};

struct Prediction {
  std::string id;
  std::string text;
  std::string error;     ///< why `text` is empty, when the question could not be asked
  int64_t line = 0;      ///< of the file that it was read from, from 1; 0 when it was not read
  std::string prompt{};  ///< what the model was asked, in files of other programs that say so
};

struct Score {
  std::string name;  ///< "accuracy", "accuracy/color", ...
  double value = 0;  ///< per cent; "unanswered" is a number of questions
};

/// A benchmark whose files are loaded. `load` of the table in registry.h makes one.
class Benchmark {
 public:
  virtual ~Benchmark() = default;
  /// The official file that was loaded.
  virtual std::filesystem::path file() const = 0;
  /// Questions in the order of the official file. Throws DataError with file and entry.
  virtual std::vector<Question> questions() const = 0;
  /// Whether the file has the reference answers that `score` needs; those of test splits are not published. Throws
  /// DataError when only some questions have them, or some cannot be scored.
  virtual bool has_answers() const = 0;
  /// The main score first. Throws DataError for missing, repeated or unknown predictions, with `file`, which holds the
  /// predictions, and the line.
  virtual std::vector<Score> score(const std::vector<Prediction>& predictions,
                                   const std::filesystem::path& file) const = 0;
};

/// predictions.jsonl: {"question_id": ..., "text": ...} a line, with "error" where there is one. Reading throws
/// DataError with file and line; an id may be a whole number, "prompt" is read, blank lines and further fields are
/// ignored.
std::vector<Prediction> read_predictions(const std::filesystem::path& path);
Prediction parse_prediction(std::string_view line, const std::string& where);
/// Without the line break.
std::string prediction_line(const Prediction& prediction);

}  // namespace convllava::eval
