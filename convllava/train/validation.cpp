#include "convllava/train/validation.h"

#include <algorithm>

#include "convllava/core/error.h"
#include "convllava/core/log.h"
#include "convllava/model/answer.h"
#include "convllava/model/batch.h"
#include "convllava/nn/libtorch.h"

namespace convllava::train {
namespace {

constexpr int64_t kAnswerTokens = 64;

/// The conversation up to the first answer, and that answer.
std::pair<std::vector<text::Turn>, std::string> first_question(const std::vector<text::Turn>& turns) {
  std::vector<text::Turn> asked;
  for (const auto& turn : turns) {
    if (turn.speaker == text::Speaker::kAssistant && !asked.empty()) return {asked, turn.text};
    if (turn.speaker == text::Speaker::kHuman) asked = {turn};
  }
  return {asked, ""};
}

}  // namespace

double validation_loss(model::ConvLlavaImpl& model, const DataSelection& selection, int64_t micro_batch_size,
                       distributed::ProcessGroup& group) {
  const torch::InferenceMode inference;
  const auto device = model.llm->head_weight().device();
  std::vector<double> sums = {0, 0};
  std::vector<int64_t> own;
  for (size_t i = group.rank(); i < selection.members.size(); i += group.world_size()) {
    own.push_back(selection.members[i]);
  }
  for (size_t begin = 0; begin < own.size(); begin += micro_batch_size) {
    const size_t end = std::min(own.size(), begin + static_cast<size_t>(micro_batch_size));
    std::vector<data::BadSample> bad;
    const std::vector<int64_t> members(own.begin() + begin, own.begin() + end);
    for (const auto& packed : data::load_in_order(*selection.dataset, members, micro_batch_size, bad)) {
      if (packed.supervised_tokens() == 0) continue;
      sums[0] += model.loss(model::to_tensors(packed, device), 1.0).item<double>();
      sums[1] += static_cast<double>(packed.supervised_tokens());
    }
    for (const auto& sample : bad) core::log_warning("left out of validation: " + sample.message);
  }
  sums = group.all_reduce(sums);
  if (sums[1] == 0) {
    throw DataError(error_message("validation", "no sample of the set can be used", "0 supervised tokens", "some"));
  }
  return sums[0] / sums[1];
}

std::vector<SampleAnswer> sample_answers(model::ConvLlavaImpl& model, const DataSelection& selection, int64_t count) {
  std::vector<SampleAnswer> samples;
  std::vector<model::Question> questions;
  const auto available = static_cast<int64_t>(selection.members.size());
  const auto& dataset = *selection.dataset;
  for (int64_t i = 0; i < std::min(count, available); ++i) {
    const int64_t index = selection.members[i * available / std::min(count, available)];
    try {
      auto [turns, reference] = first_question(dataset.record(index).turns);
      const auto path = dataset.image_path(index);
      model::Question question{turns, {}};
      if (!path.empty()) question.picture = image::load_image(path);
      samples.push_back({path, turns.front().text, "", reference});
      questions.push_back(std::move(question));
    } catch (const DataError& error) {
      core::log_warning(std::string("left out of the report: ") + error.what());
    }
  }
  if (samples.empty()) return samples;
  model::AnswerOptions options;
  options.prompt_template = dataset.options().prompt_template;
  options.image = dataset.options().image;
  options.generate.max_new_tokens = kAnswerTokens;
  const auto answers = model::answer(model, dataset.tokenizer(), questions, options);
  for (size_t i = 0; i < samples.size(); ++i) samples[i].answer = answers[i];
  return samples;
}

}  // namespace convllava::train
