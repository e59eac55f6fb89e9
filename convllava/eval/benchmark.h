#pragma once

// What a benchmark is: official files -> questions; predictions -> score. Predicting and scoring meet only in
// predictions.jsonl, so anybody's predictions can be scored.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace convllava::eval {

struct Question {
  std::string id;  ///< unique within the benchmark
  std::filesystem::path image;
  std::string text;  ///< as the model gets it, behind "<image>\n"
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

class Benchmark {
 public:
  virtual ~Benchmark() = default;
  virtual std::string name() const = 0;
  /// The official file. `data` is the folder that holds it under its official name, or the file itself. Throws
  /// DataError with the reason when neither can be found.
  virtual std::filesystem::path file(const std::filesystem::path& data) const = 0;
  /// Questions in the order of the official file. Throws DataError with file and place.
  virtual std::vector<Question> questions(const std::filesystem::path& data) const = 0;
  /// Whether the file has the reference answers that `score` needs; of a test split they are kept back. Throws
  /// DataError when only some of the questions have them, or some have others than can be scored.
  virtual bool has_answers(const std::filesystem::path& data) const = 0;
  /// The headline figure first. Throws DataError when predictions are missing, double or unknown, naming `file`, where
  /// they are, and the line.
  virtual std::vector<Score> score(const std::filesystem::path& data, const std::vector<Prediction>& predictions,
                                   const std::filesystem::path& file) const = 0;
  /// Enough for the benchmark's answers.
  virtual int64_t max_new_tokens() const = 0;
};

/// Throws ConfigError listing the benchmarks (and the nearest name) for an unknown one.
std::unique_ptr<Benchmark> make_benchmark(const std::string& name);
std::vector<std::string> benchmark_names();

/// predictions.jsonl: {"question_id": ..., "text": ...} a line, with "error" where there is one. Reading throws
/// DataError with file and line; an id may be a whole number, "prompt" is read, blank lines and further fields are
/// ignored.
std::vector<Prediction> read_predictions(const std::filesystem::path& path);
Prediction parse_prediction(std::string_view line, const std::string& where);
/// Without the line break.
std::string prediction_line(const Prediction& prediction);

}  // namespace convllava::eval
