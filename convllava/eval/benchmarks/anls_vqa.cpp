#include "convllava/eval/benchmarks/anls_vqa.h"

#include <fmt/format.h>

#include <utility>

#include "convllava/core/error.h"
#include "convllava/eval/metrics/anls.h"
#include "convllava/text/conversation.h"

namespace convllava::eval {
namespace {

namespace fs = std::filesystem;
using ImagePath = std::function<fs::path(const VqaEntry&)>;

class AnlsVqa final : public Benchmark {
 public:
  AnlsVqa(const fs::path& data, const std::string& name, ImagePath image_path)
      : file_(find_vqa_file(data, name)),
        entries_(read_vqa_file(file_, "questionId")),
        image_path_(std::move(image_path)) {}

  fs::path file() const override { return file_; }

  std::vector<Question> questions() const override {
    std::vector<Question> questions;
    for (const auto& entry : entries_) {
      const fs::path image = image_path_(entry);
      if (image.empty())
        throw DataError(entry.where, "the question has no image", "", "a path in \"image\" or \"image_local_name\"");
      questions.push_back({.id = entry.id,
                           .group = "",
                           .text = fmt::format("{}\n{}", entry.question, text::kShortAnswerRequest),
                           .options = {},
                           .images = {{file_.parent_path() / image}}});
    }
    return questions;
  }

  bool has_answers() const override { return have_answers(entries_); }

  std::vector<Score> score(const std::vector<Prediction>& predictions,
                           const fs::path& predictions_file) const override {
    const auto texts = predictions_in_order(entries_, predictions, predictions_file);
    double sum = 0;
    for (size_t i = 0; i < entries_.size(); ++i) sum += 100 * anls(texts[i], entries_[i].answers);
    return {{"anls", sum / static_cast<double>(entries_.size())}};
  }

 private:
  fs::path file_;
  std::vector<VqaEntry> entries_;
  ImagePath image_path_;
};

}  // namespace

std::unique_ptr<Benchmark> load_anls_vqa(const fs::path& data, const std::string& name, ImagePath image_path) {
  return std::make_unique<AnlsVqa>(data, name, std::move(image_path));
}

}  // namespace convllava::eval
