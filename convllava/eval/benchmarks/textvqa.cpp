#include <fmt/format.h>

#include <map>
#include <memory>

#include "convllava/core/error.h"
#include "convllava/core/unicode.h"
#include "convllava/eval/benchmark.h"
#include "convllava/eval/benchmarks/vqa_file.h"
#include "convllava/eval/llava_answers.h"
#include "convllava/eval/metrics/vqa_accuracy.h"
#include "convllava/text/conversation.h"

// TextVQA (Singh et al., arXiv 1904.08920) from its official files: TextVQA_0.5.1_val.json beside train_images/.
//
// The prompt is LLaVA-1.5's and lmms-eval's without OCR tokens: the question with its first letter in upper and the
// others in lower case, and "Answer the question using a single word or phrase." on a separate line. The paper's
// figures were measured with VLMEvalKit, whose prompt ends differently.

namespace convllava::eval {
namespace {

namespace fs = std::filesystem;

constexpr const char* kTextVqaFile = "TextVQA_0.5.1_val.json";
constexpr size_t kReferences = 10;

class TextVqa final : public Benchmark {
 public:
  explicit TextVqa(const fs::path& data)
      : file_(find_vqa_file(data, kTextVqaFile)), entries_(read_vqa_file(file_, "question_id")) {}

  fs::path file() const override { return file_; }

  std::vector<Question> questions() const override {
    std::vector<Question> questions;
    for (const auto& entry : entries_) {
      questions.push_back({.id = entry.id,
                           .group = entry.kind,
                           .text = fmt::format("{}\n{}", core::capitalize(entry.question), text::kShortAnswerRequest),
                           .options = {},
                           .images = {{file_.parent_path() / image_path(entry)}}});
    }
    return questions;
  }

  bool has_answers() const override {
    if (!have_answers(entries_)) return false;
    check_answers(entries_);
    return true;
  }

  std::vector<Score> score(const std::vector<Prediction>& predictions,
                           const fs::path& predictions_file) const override {
    auto entries = entries_;  // find_questions changes the answers of a question that was asked twice
    auto answered = predictions;
    if (are_llava_answers(entries, answered)) find_questions(entries, answered, predictions_file);
    const auto texts = predictions_in_order(entries, answered, predictions_file);
    check_answers(entries);
    struct Mean {
      double sum = 0;
      double count = 0;
    };
    Mean all;
    std::map<std::string, Mean> by_kind;
    for (size_t i = 0; i < entries.size(); ++i) {
      const double accuracy = 100 * soft_accuracy(texts[i], entries[i].answers);
      for (Mean* mean : {&all, &by_kind[entries[i].kind]}) {
        mean->sum += accuracy;
        mean->count += 1;
      }
    }
    std::vector<Score> scores = {{"accuracy", all.sum / all.count}};
    for (const auto& [kind, mean] : by_kind) {
      if (!kind.empty()) scores.push_back({"accuracy/" + kind, mean.sum / mean.count});
    }
    return scores;
  }

 private:
  static void check_answers(const std::vector<VqaEntry>& entries) {
    for (const auto& entry : entries) {
      if (entry.answers.size() == kReferences) continue;
      throw DataError(entry.where, "wrong number of reference answers for soft accuracy",
                      std::to_string(entry.answers.size()), std::to_string(kReferences));
    }
  }

  static fs::path image_path(const VqaEntry& entry) {
    if (!entry.image.empty()) return entry.image;
    if (entry.image_id.empty()) {
      throw DataError(entry.where, "the question has no image", "", "\"image_id\", or a path in \"image\"");
    }
    return fs::path(entry.set_name == "test" ? "test_images" : "train_images") / (entry.image_id + ".jpg");
  }

  fs::path file_;
  std::vector<VqaEntry> entries_;
};

}  // namespace

std::unique_ptr<Benchmark> load_textvqa(const fs::path& data) { return std::make_unique<TextVqa>(data); }

}  // namespace convllava::eval
