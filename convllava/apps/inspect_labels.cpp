#include "convllava/apps/inspect_labels.h"

#include <fmt/color.h>
#include <fmt/format.h>

#include "convllava/core/error.h"
#include "convllava/train/datasets.h"
#include "convllava/train/model_setup.h"

namespace convllava::apps {
namespace {

void print_token(const text::Tokenizer& tokenizer, int64_t id, bool learnt, int64_t visual_tokens) {
  if (id == text::kImageToken) {
    fmt::print(fmt::fg(fmt::terminal_color::blue), "[{} visual tokens]", visual_tokens);
  } else if (learnt) {
    fmt::print(fmt::fg(fmt::terminal_color::green), "{}", tokenizer.piece(id));
  } else {
    fmt::print(fmt::fg(fmt::terminal_color::bright_black), "{}", tokenizer.piece(id));
  }
}

}  // namespace

void print_labels(const config::TrainConfig& config, int64_t index) {
  config::check_paths(config, "configuration");
  const auto tokenizer = train::load_tokenizer(config.model);
  const auto shape = train::resolve_model_shape(config.model);
  const auto data = train::open_data(config, shape.vision.total_stride(), tokenizer);
  const auto& members = data.train.members;
  if (index < 0 || index >= static_cast<int64_t>(members.size())) {
    throw ConfigError(error_message("--sample", "no such sample", std::to_string(index),
                                    "0 to " + std::to_string(members.size() - 1)));
  }
  const auto& dataset = *data.train.dataset;
  const auto sample = dataset.sample(members[index]);
  fmt::print("{}\n", dataset.where(members[index]));
  int64_t learnt = 0;
  for (size_t i = 0; i < sample.prompt.input_ids.size(); ++i) {
    const bool supervised = sample.prompt.labels[i] != text::kIgnoreLabel;
    learnt += supervised;
    print_token(tokenizer, sample.prompt.input_ids[i], supervised, sample.visual_tokens);
  }
  fmt::print("\n{} tokens, {} visual, {} learnt from, {} cut off\n", sample.prompt.input_ids.size(),
             sample.visual_tokens, learnt, sample.cut_labels);

  int64_t unusable = 0;
  std::string example;
  for (const int64_t member : members) {
    try {
      text::encode_conversation(tokenizer, config.data.prompt_template, dataset.record(member).turns,
                                dataset.summary(member).has_image);
    } catch (const DataError& error) {
      ++unusable;
      example = error.what();
    }
  }
  fmt::print("{} of {} samples have nothing to learn from{}\n", unusable, members.size(),
             example.empty() ? "" : "; for example " + example);
}

}  // namespace convllava::apps
