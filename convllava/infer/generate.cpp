#include "convllava/infer/generate.h"

#include <algorithm>
#include <numeric>
#include <optional>
#include <set>

#include "convllava/core/error.h"
#include "convllava/nn/libtorch.h"

namespace convllava::infer {
namespace {

std::vector<int64_t> lengths_of(const std::vector<int64_t>& cu_seqlens) {
  std::vector<int64_t> lengths(cu_seqlens.size() - 1);
  for (size_t i = 0; i < lengths.size(); ++i) lengths[i] = cu_seqlens[i + 1] - cu_seqlens[i];
  return lengths;
}

std::vector<int64_t> most_likely(model::LanguageModel& llm, const torch::Tensor& states) {
  const auto scores = llm.logits(states).to(torch::kFloat);
  // The most likely of NaN is the first token of the vocabulary.
  const auto ids = torch::where(scores.isfinite().all(-1), scores.argmax(-1), -1).to(torch::kCPU);
  if (ids.min().item<int64_t>() < 0) {
    throw CheckpointError("model", "the scores of the next token are not finite", "NaN or infinity",
                          "weights that are finite");
  }
  return {ids.data_ptr<int64_t>(), ids.data_ptr<int64_t>() + ids.numel()};
}

/// Final states [S, hidden] of the last token of each sequence.
torch::Tensor last_states(model::ConvLlavaImpl& model, const model::Batch& batch, nn::KvCache* cache) {
  const auto states = model.hidden_states(batch, cache);
  std::vector<int64_t> last(batch.cu_seqlens.begin() + 1, batch.cu_seqlens.end());
  for (auto& row : last) --row;
  return states.index_select(0, torch::tensor(last, torch::kLong).to(states.device()));
}

/// Hands out the chosen tokens and keeps track of which sequences are not finished.
class Progress {
 public:
  Progress(const model::LanguageConfig& config, std::vector<int64_t> prompt_lengths, const GenerateOptions& options,
           const OnToken& on_token)
      : config_(config),
        lengths_(std::move(prompt_lengths)),
        options_(options),
        on_token_(on_token),
        answers_(lengths_.size()),
        active_(lengths_.size()),
        end_tokens_(options.end_tokens.begin(), options.end_tokens.end()) {
    std::iota(active_.begin(), active_.end(), 0);
    end_tokens_.insert(config.eos_token_id.begin(), config.eos_token_id.end());
  }

  /// `tokens` belong to `active()`. Returns the places in it of the unfinished sequences.
  std::vector<int64_t> accept(const std::vector<int64_t>& tokens) {
    std::vector<int64_t> places;
    std::vector<int64_t> still_active;
    for (size_t i = 0; i < tokens.size(); ++i) {
      if (const auto finish = add(active_[i], tokens[i])) {
        answers_[active_[i]].finish = *finish;
      } else {
        places.push_back(static_cast<int64_t>(i));
        still_active.push_back(active_[i]);
      }
    }
    active_ = std::move(still_active);
    return places;
  }

  const std::vector<int64_t>& active() const { return active_; }
  const std::vector<Generated>& answers() const { return answers_; }

 private:
  /// Nothing while the sequence is unfinished.
  std::optional<Finish> add(int64_t sequence, int64_t token) {
    if (end_tokens_.contains(token)) return Finish::kEnd;
    auto& made = answers_[sequence].tokens;
    made.push_back(token);
    if (on_token_ && !on_token_(sequence, token)) return Finish::kEnd;
    const auto count = static_cast<int64_t>(made.size());
    if (count >= options_.max_new_tokens) return Finish::kTokenLimit;
    if (lengths_[sequence] + count >= config_.max_position_embeddings) return Finish::kContextLimit;
    return std::nullopt;
  }

  const model::LanguageConfig& config_;
  std::vector<int64_t> lengths_;
  const GenerateOptions& options_;
  const OnToken& on_token_;
  std::vector<Generated> answers_;
  std::vector<int64_t> active_;
  std::set<int64_t> end_tokens_;
};

void decode_with_cache(model::ConvLlavaImpl& model, const model::Batch& prompts, const GenerateOptions& options,
                       Progress& progress) {
  const auto& config = model.config().llm;
  const auto lengths = lengths_of(prompts.cu_seqlens);
  const int64_t longest = *std::max_element(lengths.begin(), lengths.end());
  const int64_t left = std::max<int64_t>(0, config.max_position_embeddings - longest);
  const int64_t capacity = longest + std::min(options.max_new_tokens, left);
  auto cache = model.llm->make_cache(static_cast<int64_t>(lengths.size()), capacity);
  cache.begin(lengths);
  auto states = last_states(model, prompts, &cache);
  cache.end();
  for (;;) {
    const auto tokens = most_likely(*model.llm, states);
    const auto places = progress.accept(tokens);
    if (places.empty()) return;
    if (places.size() < tokens.size()) cache.select(places);
    std::vector<int64_t> next;
    for (const int64_t place : places) next.push_back(tokens[place]);
    cache.begin(std::vector<int64_t>(next.size(), 1));
    const auto embeddings = model.llm->embed(torch::tensor(next, torch::kLong).to(states.device()));
    states = model.llm->hidden_states(embeddings, cache.positions(), nn::SequenceLayout{}, &cache);
    cache.end();
  }
}

/// The prompts with the tokens found so far behind them.
model::Batch extend(const model::Batch& prompts, const std::vector<Generated>& answers) {
  model::Batch longer = prompts;
  std::vector<torch::Tensor> ids;
  std::vector<torch::Tensor> positions;
  auto visual_rows = prompts.visual_rows.defined() ? prompts.visual_rows.clone() : torch::Tensor();
  int64_t added = 0;
  for (size_t s = 0; s < answers.size(); ++s) {
    const int64_t begin = prompts.cu_seqlens[s];
    const int64_t length = prompts.cu_seqlens[s + 1] - begin;
    const auto more = torch::tensor(answers[s].tokens, torch::kLong).to(prompts.input_ids.device());
    ids.insert(ids.end(), {prompts.input_ids.narrow(0, begin, length), more});
    positions.push_back(torch::arange(length + more.numel(), prompts.position_ids.options()));
    if (visual_rows.defined()) {
      const auto inside = prompts.visual_rows.ge(begin).logical_and(prompts.visual_rows.lt(begin + length));
      visual_rows.add_(inside, added);
    }
    added += more.numel();
    longer.cu_seqlens[s + 1] = prompts.cu_seqlens[s + 1] + added;
  }
  longer.input_ids = torch::cat(ids);
  longer.position_ids = torch::cat(positions);
  longer.visual_rows = visual_rows;
  return longer;
}

void decode_without_cache(model::ConvLlavaImpl& model, const model::Batch& prompts, Progress& progress) {
  while (!progress.active().empty()) {
    const auto tokens = most_likely(*model.llm, last_states(model, extend(prompts, progress.answers()), nullptr));
    std::vector<int64_t> chosen;
    for (const int64_t sequence : progress.active()) chosen.push_back(tokens[sequence]);
    progress.accept(chosen);
  }
}

}  // namespace

std::vector<Generated> generate(model::ConvLlavaImpl& model, const model::Batch& prompts,
                                const GenerateOptions& options, const OnToken& on_token) {
  const torch::InferenceMode inference;
  Progress progress(model.config().llm, lengths_of(prompts.cu_seqlens), options, on_token);
  if (progress.active().empty()) return {};
  if (options.max_new_tokens < 1) return std::vector<Generated>(progress.active().size(), {{}, Finish::kTokenLimit});
  if (options.use_cache) {
    decode_with_cache(model, prompts, options, progress);
  } else {
    decode_without_cache(model, prompts, progress);
  }
  return progress.answers();
}

}  // namespace convllava::infer
