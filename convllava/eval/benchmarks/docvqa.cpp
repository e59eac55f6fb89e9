#include <fmt/format.h>

#include "convllava/core/error.h"
#include "convllava/eval/benchmark.h"
#include "convllava/eval/benchmarks/vqa_file.h"
#include "convllava/eval/metrics/anls.h"
#include "convllava/text/conversation.h"

// DocVQA (Mathew et al., arXiv 2007.00398) from its official files: val_v1.0_withQT.json, whose images' paths start
// at its folder. The prompt is lmms-eval's; the score is ANLS.

namespace convllava::eval {
namespace {

namespace fs = std::filesystem;

constexpr const char* kDocVqaFile = "val_v1.0_withQT.json";

class DocVqa final : public Benchmark {
 public:
  std::string name() const override { return "docvqa"; }
  int64_t max_new_tokens() const override { return 32; }

  fs::path file(const fs::path& data) const override { return find_vqa_file(data, kDocVqaFile); }

  std::vector<Question> questions(const fs::path& data) const override {
    const fs::path path = file(data);
    std::vector<Question> questions;
    for (const auto& entry : read_vqa_file(path, "questionId")) {
      if (entry.image.empty()) {
        throw DataError(entry.where, "names no image", "", "an \"image\" path");
      }
      questions.push_back({entry.id, path.parent_path() / entry.image,
                           fmt::format("{}\n{}", entry.question, text::kShortAnswerRequest)});
    }
    return questions;
  }

  bool has_answers(const fs::path& data) const override {
    return have_answers(read_vqa_file(file(data), "questionId"));
  }

  std::vector<Score> score(const fs::path& data, const std::vector<Prediction>& predictions,
                           const fs::path& predictions_file) const override {
    const auto entries = read_vqa_file(file(data), "questionId");
    const auto texts = predictions_in_order(entries, predictions, predictions_file);
    double sum = 0;
    for (size_t i = 0; i < entries.size(); ++i) sum += 100 * anls(texts[i], entries[i].answers);
    return {{"anls", sum / static_cast<double>(entries.size())}};
  }
};

}  // namespace

std::unique_ptr<Benchmark> make_docvqa() { return std::make_unique<DocVqa>(); }

}  // namespace convllava::eval
