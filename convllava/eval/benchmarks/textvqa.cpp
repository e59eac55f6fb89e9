#include <fmt/format.h>

#include <map>

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
// others in lower case, and "Answer the question using a single word or phrase." on a line of its own. The paper's
// figures were measured with VLMEvalKit, whose prompt ends differently.

namespace convllava::eval {
namespace {

namespace fs = std::filesystem;

constexpr const char* kTextVqaFile = "TextVQA_0.5.1_val.json";
constexpr size_t kReferences = 10;

class TextVqa final : public Benchmark {
 public:
  std::string name() const override { return "textvqa"; }
  int64_t max_new_tokens() const override { return 128; }

  fs::path file(const fs::path& data) const override { return find_vqa_file(data, kTextVqaFile); }

  std::vector<Question> questions(const fs::path& data) const override {
    const fs::path path = file(data);
    std::vector<Question> questions;
    for (const auto& entry : read_vqa_file(path, "question_id")) {
      questions.push_back({entry.id, path.parent_path() / image_path(entry),
                           fmt::format("{}\n{}", core::capitalize(entry.question), text::kShortAnswerRequest)});
    }
    return questions;
  }

  bool has_answers(const fs::path& data) const override {
    const auto entries = read_vqa_file(file(data), "question_id");
    if (!have_answers(entries)) return false;
    check_answers(entries);
    return true;
  }

  std::vector<Score> score(const fs::path& data, const std::vector<Prediction>& predictions,
                           const fs::path& predictions_file) const override {
    auto entries = read_vqa_file(file(data), "question_id");
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
      throw DataError(entry.where, "not the ten answers that soft accuracy is defined for",
                      std::to_string(entry.answers.size()), std::to_string(kReferences));
    }
  }

  static fs::path image_path(const VqaEntry& entry) {
    if (!entry.image.empty()) return entry.image;
    if (entry.image_id.empty()) {
      throw DataError(entry.where, "names no image", "", "an \"image_id\", or an \"image\" path");
    }
    return fs::path(entry.set_name == "test" ? "test_images" : "train_images") / (entry.image_id + ".jpg");
  }
};

}  // namespace

std::unique_ptr<Benchmark> make_textvqa() { return std::make_unique<TextVqa>(); }

}  // namespace convllava::eval
