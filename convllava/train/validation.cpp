#include "convllava/train/validation.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "convllava/core/error.h"
#include "convllava/core/log.h"
#include "convllava/core/stop_signal.h"
#include "convllava/data/loader.h"
#include "convllava/infer/answer.h"
#include "convllava/infer/tensors.h"
#include "convllava/nn/libtorch.h"
#include "convllava/report/metric_log.h"

namespace convllava::train {
namespace {

constexpr const char* kLossName = "validation/loss";
constexpr int64_t kAnswerTokens = 64;
/// Micro-batches whose images are decoded together; they are in memory at the same time.
constexpr int64_t kWindowBatches = 4;

/// The conversation up to the first answer that follows the image, or up to the first one of a text; its last turn is
/// that answer. Empty where there is no such answer.
std::vector<text::Turn> up_to_first_answer(const std::vector<text::Turn>& turns, bool has_image) {
  bool sees = !has_image;
  std::vector<text::Turn> kept;
  for (const auto& turn : turns) {
    const bool answers = turn.speaker == text::Speaker::kAssistant;
    if (answers && kept.empty()) continue;  // templates begin with a question
    kept.push_back(turn);
    sees = sees || turn.text.find(text::kImagePlaceholder) != std::string::npos;
    if (answers && sees) return kept;
  }
  return {};
}

/// Asks one sample of a selection. Throws DataError when it cannot be asked.
report::SampleAnswer ask(model::ConvLlavaImpl& model, const data::Dataset& dataset, int64_t index) {
  const auto path = dataset.image_path(index);
  auto turns = up_to_first_answer(dataset.record(index).turns, !path.empty());
  if (turns.empty()) throw DataError(dataset.where(index), "no question with an answer");
  report::SampleAnswer sample{path, turns[turns.size() - 2].text, "", turns.back().text,
                              dataset.image_is_outside(index)};
  turns.pop_back();
  infer::Question question{std::move(turns), {}};
  if (!path.empty()) question.image = image::load_image(path);
  infer::AnswerOptions options;
  options.prompt_template = dataset.options().prompt_template;
  options.image = dataset.options().image;
  options.generate.max_new_tokens = kAnswerTokens;
  const auto answer = infer::answer(model, dataset.tokenizer(), {question}, options).front();
  sample.answer = answer.text + (answer.finish == infer::Finish::kEnd ? "" : " [cut off]");
  return sample;
}

}  // namespace

void ValidationOptions::visit_fields(config::FieldVisitor& visitor) {
  visitor.field("validate_every", validate_every,
                "Optimizer steps between validations; 0 validates before the first step and after the last only.",
                config::kStepsOrNone);
  visitor.field("samples", samples, "Validation images that the model answers in `report.html`.", {0, 1000});
}

namespace {

/// Adds the losses and supervised tokens of a window of batches to `sums`. All ranks have the same number of windows.
/// False after a stop signal. Collective.
bool add_losses(Training& training, const data::StepBatch& window, std::array<double, 2>& sums) {
  const StepRequests requests{.stop = core::stop_signal() != 0};
  const auto counts = global_counts(window, training.group, requests, kWindowBatches);
  if (counts.stop_requests > 0) return false;
  for (size_t i = 0; i < counts.micro_batches.size(); ++i) {
    auto plan = plan_of(counts, i, /*trains_language=*/false);
    plan.backward = plan.last = false;
    training.engine->begin_micro_batch(plan);
    if (i < window.micro_batches.size() && window.micro_batches[i].supervised_tokens() > 0) {
      const auto& packed = window.micro_batches[i];
      sums[0] += training.model->loss(infer::to_tensors(packed, training.device), 1.0).item<double>();
      sums[1] += static_cast<double>(packed.supervised_tokens());
    }
    training.engine->finish_micro_batch();
  }
  return true;
}

}  // namespace

std::optional<double> validation_loss(Training& training, const data::DataSelection& selection,
                                      int64_t micro_batch_size) {
  const torch::InferenceMode inference;
  auto& group = training.group;
  std::array<double, 2> sums = {0, 0};
  std::vector<int64_t> own;
  for (size_t i = group.rank(); i < selection.members.size(); i += group.world_size()) {
    own.push_back(selection.members[i]);
  }
  const auto window = static_cast<size_t>(kWindowBatches * micro_batch_size);
  const size_t share = (selection.members.size() + group.world_size() - 1) / group.world_size();
  for (size_t begin = 0; begin < share; begin += window) {
    const std::vector<int64_t> members(own.begin() + std::min(own.size(), begin),
                                       own.begin() + std::min(own.size(), begin + window));
    data::StepBatch batch;
    batch.micro_batches = data::load_in_order(*selection.dataset, members, micro_batch_size, batch.bad);
    training.quarantine->add(batch.bad);
    if (!add_losses(training, batch, sums)) return std::nullopt;
  }
  const auto total = group.all_reduce({sums[0], sums[1]});
  if (total[1] == 0) {
    throw DataError("validation", "no sample of the set can be used", "0 supervised tokens", "some");
  }
  return total[0] / total[1];
}

void Validator::start() {
  if (training_.state.step == 0) training_.summary.validation_before = validate();
}

void Validator::after_step(const StepEvent& event) {
  const int64_t every = options_.validate_every;
  if (every > 0 && event.step % every == 0 && !training_.is_done()) validate();
}

void Validator::finished() {
  if (!training_.is_done() || !training_.data.validation.dataset) return;
  auto& loss = training_.summary.validation_after;
  loss = logged_loss();
  if (!loss) loss = validate();
}

std::optional<double> Validator::logged_loss() {
  std::vector<double> found = {0, 0};
  if (training_.is_main()) {
    for (const auto& [step, scalars] : report::read_metrics(training_.folder / "metrics.jsonl")) {
      for (const auto& [name, value] : scalars) {
        if (step == training_.state.step && name == kLossName) found = {1, value};
      }
    }
  }
  found = training_.group.all_reduce(found);
  return found[0] > 0 ? std::optional(found[1]) : std::nullopt;
}

std::optional<double> Validator::validate() {
  if (!training_.data.validation.dataset) return std::nullopt;
  std::optional<double> loss;
  log_.aside([&] {
    training_.group.barrier();
    training_.confirmed_step = training_.state.step;
    loss = validation_loss(training_, training_.data.validation, micro_batch_size_);
  });
  if (!loss) {
    training_.summary.stopped = true;
  } else if (training_.is_main()) {
    log_.write({{kLossName, *loss}});
    core::log_info(fmt::format("step {}: validation loss {:.4f}", training_.state.step, *loss));
  }
  return loss;
}

std::vector<report::SampleAnswer> sample_answers(model::ConvLlavaImpl& model, const data::DataSelection& selection,
                                                 int64_t count) {
  std::vector<report::SampleAnswer> samples;
  const auto available = static_cast<int64_t>(selection.members.size());
  for (int64_t i = 0; i < std::min(count, available); ++i) {
    try {
      samples.push_back(ask(model, *selection.dataset, selection.members[i * available / std::min(count, available)]));
    } catch (const Error& error) {
      core::log_warning(std::string("not in the report: ") + error.what());
    }
  }
  return samples;
}

}  // namespace convllava::train
