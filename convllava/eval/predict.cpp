#include "convllava/eval/predict.h"

#include <fmt/format.h>

#include <algorithm>
#include <future>
#include <optional>
#include <span>
#include <tuple>

#include "convllava/core/cpus.h"
#include "convllava/core/error.h"
#include "convllava/core/fingerprint.h"
#include "convllava/core/log.h"
#include "convllava/core/progress.h"
#include "convllava/core/thread_pool.h"
#include "convllava/eval/prediction_store.h"
#include "convllava/infer/answer.h"
#include "convllava/nn/libtorch.h"

namespace convllava::eval {
namespace {

/// Batches whose images are prepared together, so that those of one shape can be answered together. Twice as many
/// prepared images are in memory: 0.9 GB for batches of 16 at 1536 pixels.
constexpr int64_t kWindowBatches = 4;

std::string text_of(const core::Fingerprint& fingerprint) { return fmt::format("{:016x}", fingerprint.value()); }

/// A training step moves all of a parameter, so the beginning of each is enough.
std::string weights_fingerprint(const model::ConvLlavaImpl& model) {
  constexpr int64_t kValues = 256;
  core::Fingerprint fingerprint;
  for (const auto& item : model.named_parameters()) {
    const auto values = item.value().detach().reshape(-1).slice(0, 0, kValues).to(torch::kCPU, torch::kFloat);
    fingerprint.add(item.key());
    fingerprint.add({static_cast<const char*>(values.contiguous().data_ptr()), values.nbytes()});
  }
  return text_of(fingerprint);
}

PredictionIdentity identity_of(const infer::Pretrained& pretrained, const BenchmarkEntry& benchmark,
                               const std::vector<Question>& questions, int64_t max_new_tokens) {
  core::Fingerprint texts;
  for (const auto& question : questions) {
    for (const auto& part : {question.id, question.text}) texts.add(part + '\n');
    for (const auto& image : question.images) texts.add(image.path.filename().string() + '\n');
  }
  const auto& record = pretrained.record;
  const auto weight = pretrained.model->llm->head_weight();
  return {
      {"benchmark", benchmark.name},
      {"questions", fmt::format("{} ({})", questions.size(), text_of(texts))},
      {"model", fmt::format("{} step {}", record.run.output_dir, record.step)},
      {"precision", fmt::format("{} on {}", torch::toString(weight.scalar_type()), weight.is_cuda() ? "cuda" : "cpu")},
      {"weights", weights_fingerprint(*pretrained.model)},
      {"template", std::string(text::template_name(record.prompt_template))},
      {"images", fmt::format("{} {}", record.image.size, image::aspect_name(record.image.aspect))},
      {"max_new_tokens", fmt::to_string(max_new_tokens)},
  };
}

/// A question with its image at its final size, or the reason why there is none.
struct Prepared {
  const Question* question = nullptr;
  std::optional<image::Image> image;
  std::string error;

  int64_t height() const { return image ? image->height : 0; }
  int64_t width() const { return image ? image->width : 0; }
};

Prepared prepare(const Question& question, const image::PreprocessOptions& options) {
  try {
    // Preprocessing what is preprocessed changes nothing, so `infer::answer` gets it in its final size already.
    return {&question, image::preprocess(image::load_image(question.images.front().path), options), ""};
  } catch (const DataError& error) {
    return {&question, std::nullopt, error.what()};
  }
}

class Predictor {
 public:
  Predictor(infer::Pretrained& pretrained, infer::AnswerOptions options, PredictionStore& store)
      : pretrained_(pretrained), options_(std::move(options)), store_(store), pool_(core::worker_threads(4)) {}

  void run(const std::vector<Question>& questions, int64_t batch_size, core::Progress& progress, int64_t done) {
    const size_t window = static_cast<size_t>(kWindowBatches * batch_size);
    auto pending = submit(questions, 0, window);
    for (size_t begin = 0; begin < questions.size(); begin += window) {
      auto ahead = submit(questions, begin + window, window);
      const auto prepared = grouped(pending);
      for (size_t first = 0; first < prepared.size(); first += static_cast<size_t>(batch_size)) {
        const size_t count = std::min(prepared.size() - first, static_cast<size_t>(batch_size));
        store_.append(answer(std::span(prepared).subspan(first, count)));
        progress.update(done + static_cast<int64_t>(begin + first + count));
      }
      pending = std::move(ahead);
    }
  }

  int64_t unreadable() const { return unreadable_; }
  int64_t cut_off() const { return cut_off_; }

 private:
  using Pending = std::vector<std::future<Prepared>>;

  Pending submit(const std::vector<Question>& questions, size_t begin, size_t count) {
    Pending pending;
    for (size_t i = begin; i < std::min(begin + count, questions.size()); ++i) {
      pending.push_back(pool_.submit([&question = questions[i], this] { return prepare(question, options_.image); }));
    }
    return pending;
  }

  /// Images of one shape go through the tower together.
  static std::vector<Prepared> grouped(Pending& pending) {
    std::vector<Prepared> prepared;
    for (auto& future : pending) prepared.push_back(future.get());
    std::stable_sort(prepared.begin(), prepared.end(), [](const Prepared& a, const Prepared& b) {
      return std::tuple(a.height(), a.width(), a.question->text.size()) <
             std::tuple(b.height(), b.width(), b.question->text.size());
    });
    return prepared;
  }

  std::vector<Prediction> answer(std::span<const Prepared> batch) {
    std::vector<Prediction> predictions;
    std::vector<const Prepared*> askable;
    for (const auto& prepared : batch) {
      if (prepared.image) {
        askable.push_back(&prepared);
      } else {
        ++unreadable_;
        predictions.push_back(without_answer(*prepared.question, prepared.error));
      }
    }
    for (auto& prediction : ask(askable)) predictions.push_back(std::move(prediction));
    return predictions;
  }

  std::vector<Prediction> ask(const std::vector<const Prepared*>& batch) {
    std::vector<infer::Question> questions;
    for (const auto* prepared : batch) {
      questions.push_back({{{text::Speaker::kHuman, "<image>\n" + prepared->question->text}}, prepared->image});
    }
    std::vector<Prediction> predictions;
    if (batch.empty()) return predictions;
    try {
      const auto answers = infer::answer(*pretrained_.model, pretrained_.tokenizer, questions, options_);
      for (size_t i = 0; i < batch.size(); ++i) {
        predictions.push_back({batch[i]->question->id, answers[i].text, ""});
        if (answers[i].finish != infer::Finish::kEnd) ++cut_off_;
      }
    } catch (const DataError& error) {  // of one question; the others must not suffer from it
      if (batch.size() == 1) return {without_answer(*batch[0]->question, error.what())};
      for (const auto* one : batch) predictions.push_back(ask({one}).front());
    }
    return predictions;
  }

  Prediction without_answer(const Question& question, const std::string& error) {
    constexpr int64_t kShown = 5;
    if (++failed_ <= kShown) core::log_warning(fmt::format("question {} gets an empty answer: {}", question.id, error));
    if (failed_ == kShown + 1) core::log_warning("more questions have no answer: see \"error\" in predictions.jsonl");
    return {question.id, "", error};
  }

  infer::Pretrained& pretrained_;
  infer::AnswerOptions options_;
  PredictionStore& store_;
  int64_t failed_ = 0;
  int64_t unreadable_ = 0;
  int64_t cut_off_ = 0;
  core::ThreadPool pool_;  // last: its threads end before what they use
};

void check(const infer::Pretrained& pretrained, const PredictOptions& options) {
  if (!pretrained.model->vision_tower) {
    throw ConfigError({"", "--model"}, "the checkpoint has no vision tower", "a language model",
                      "a ConvLLaVA checkpoint");
  }
  if (options.batch_size < 1 || options.batch_size > kMaxBatchSize) {
    throw ConfigError({"", "batch_size"}, "out of range", fmt::to_string(options.batch_size),
                      fmt::format("1 to {}", kMaxBatchSize));
  }
  if (options.max_new_tokens < 0 || options.max_new_tokens > infer::kMaxNewTokens) {
    throw ConfigError({"", "max_new_tokens"}, "out of range", fmt::to_string(options.max_new_tokens),
                      fmt::format("0 (the benchmark's limit) to {}", infer::kMaxNewTokens));
  }
}

void check(const std::vector<Question>& questions) {
  for (const auto& question : questions) {
    if (question.images.size() == 1) continue;
    throw DataError(fmt::format("question {}", question.id), "unsupported number of images",
                    fmt::to_string(question.images.size()), "one image");
  }
}

}  // namespace

std::vector<Prediction> predict(infer::Pretrained& pretrained, const BenchmarkEntry& benchmark,
                                const std::vector<Question>& questions, const PredictOptions& options,
                                distributed::ProcessGroup group) {
  check(pretrained, options);
  check(questions);
  auto answer_options = infer::answer_options(pretrained.record);
  answer_options.generate.max_new_tokens =
      options.max_new_tokens > 0 ? options.max_new_tokens : benchmark.max_new_tokens;
  PredictionStore store(options.output,
                        identity_of(pretrained, benchmark, questions, answer_options.generate.max_new_tokens),
                        group.rank());
  std::vector<Question> mine;
  for (size_t i = static_cast<size_t>(group.rank()); i < questions.size(); i += group.world_size()) {
    if (!store.has(questions[i].id)) mine.push_back(questions[i]);
  }
  const auto share = static_cast<int64_t>((questions.size() + group.world_size() - 1) / group.world_size());
  const int64_t done = std::max<int64_t>(0, share - static_cast<int64_t>(mine.size()));
  group.barrier();  // nobody writes before everybody has read
  store.start();

  Predictor predictor(pretrained, answer_options, store);
  core::Progress progress(benchmark.name, share, done, group.rank() == 0);
  predictor.run(mine, options.batch_size, progress, done);
  progress.finish();

  const auto counts = group.all_reduce(
      std::vector<double>{static_cast<double>(predictor.unreadable()), static_cast<double>(predictor.cut_off())});
  if (counts[1] > 0 && group.rank() == 0) {
    core::log_warning(
        fmt::format("{:.0f} answers of this run were cut off, after {} new tokens or at the end of the context",
                    counts[1], answer_options.generate.max_new_tokens));
  }
  if (counts[0] == static_cast<double>(questions.size())) {
    throw DataError(benchmark.name, "no image can be read", questions.front().images.front().path.string(),
                    "an image file at this path");
  }
  std::vector<Prediction> joined;
  if (group.rank() == 0) joined = store.join(questions);
  group.barrier();
  return joined;
}

}  // namespace convllava::eval
