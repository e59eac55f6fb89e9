#include "convllava/apps/inspect_labels.h"

#include <fmt/color.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "convllava/core/error.h"
#include "convllava/data/packed_batch.h"
#include "convllava/train/datasets.h"
#include "convllava/train/model_setup.h"
#include "convllava/train/same_run.h"

namespace convllava::apps {
namespace {

bool has_colours() {
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string_view(value == nullptr ? "" : value);
  };
  return isatty(STDOUT_FILENO) != 0 && variable("NO_COLOR").empty() && variable("TERM") != "dumb";
}

/// The tokens of a prompt as a person reads them.
void print_tokens(const text::Tokenizer& tokenizer, const data::Sample& sample) {
  const auto& ids = sample.prompt.input_ids;
  const bool colours = has_colours();
  bool learnt = false;
  for (size_t i = 0; i < ids.size(); ++i) {
    const bool before = std::exchange(learnt, sample.prompt.labels[i] != text::kIgnoreLabel);
    if (!colours && learnt != before) fmt::print("{}", learnt ? "[[" : "]]");
    const bool picture = ids[i] == text::kImageToken;
    const auto shown = picture ? fmt::format("[{} visual tokens]", sample.visual_tokens) : tokenizer.piece(ids[i]);
    const auto colour = picture  ? fmt::terminal_color::blue
                        : learnt ? fmt::terminal_color::green
                                 : fmt::terminal_color::bright_black;
    fmt::print(colours ? fmt::fg(colour) : fmt::text_style(), "{}", shown);
  }
  if (!colours && learnt) fmt::print("]]");
}

/// The sample as the trainer sees it, for its labels: the picture has its size but no pixels, and its file is only read
/// where its shape decides how many tokens it has. Throws DataError when these do not fit into the sample.
data::Sample outline(const data::Dataset& dataset, int64_t member, const data::Record& record) {
  const auto& options = dataset.options();
  data::Sample sample;
  sample.prompt =
      text::encode_conversation(dataset.tokenizer(), options.prompt_template, record.turns, record.image.has_value());
  if (!record.image) return sample;
  image::Image picture{1, 1, {}};
  if (options.image.aspect == image::Aspect::kNative) picture = image::load_image(dataset.image_path(member));
  const auto [height, width] = image::output_size(options.image, picture.height, picture.width);
  sample.visual_tokens = (height / options.total_stride) * (width / options.total_stride);
  const auto& ids = sample.prompt.input_ids;
  const auto before = std::find(ids.begin(), ids.end(), text::kImageToken) - ids.begin();
  if (before + sample.visual_tokens > options.max_length) {
    throw DataError(
        error_message(dataset.image_path(member).string(), "the picture does not fit into the sample",
                      fmt::format("{} visual tokens behind {} tokens of text", sample.visual_tokens, before),
                      fmt::format("at most max_length {} together", options.max_length)));
  }
  sample.picture = image::Image{width, height, {}};
  return sample;
}

/// Why a sample teaches nothing; "" when it does.
std::string why_useless(const data::Dataset& dataset, int64_t member) {
  std::string where;
  try {
    const auto record = dataset.record(member);  // what is wrong with it is told with its place
    where = dataset.where(member);
    const int64_t max_length = dataset.options().max_length;
    if (!data::pack({outline(dataset, member, record)}, max_length).targets.empty()) return "";
    return error_message(where, fmt::format("no part of an answer fits into max_length {}", max_length));
  } catch (const DataError& error) {
    return error_message(where, error.what());
  }
}

void print_audit(const data::Dataset& dataset, const std::vector<int64_t>& members) {
  int64_t useless = 0;
  std::string example;
  for (const int64_t member : members) {
    const std::string reason = why_useless(dataset, member);
    if (reason.empty()) continue;
    if (useless == 0) example = "; for example " + reason;
    ++useless;
  }
  fmt::print("{} of {} samples have nothing to learn from{}\n", useless, members.size(), example);
}

void print_sample(const data::Dataset& dataset, int64_t member) {
  const auto sample = dataset.sample(member);
  fmt::print("{}\n", dataset.where(member));
  print_tokens(dataset.tokenizer(), sample);
  const auto& labels = sample.prompt.labels;
  const auto unlearnt = std::count(labels.begin(), labels.end(), text::kIgnoreLabel);
  fmt::print("\n{} tokens, {} visual, {} learnt from, {} cut off\n", labels.size(), sample.visual_tokens,
             static_cast<int64_t>(labels.size()) - unlearnt, sample.cut_labels);
}

}  // namespace

void print_labels(const config::TrainConfig& config, int64_t index) {
  const auto source = train::model_source(config);
  const auto tokenizer = train::load_tokenizer(source);
  const auto shape = train::resolve_model_shape(source);
  const auto data = train::open_data(config, shape.vision.total_stride(), tokenizer);
  const auto& members = data.train.members;
  if (index < 0 || index >= static_cast<int64_t>(members.size())) {
    throw ConfigError(error_message("--sample", "no such sample", std::to_string(index),
                                    "0 to " + std::to_string(members.size() - 1)));
  }
  print_audit(*data.train.dataset, members);
  print_sample(*data.train.dataset, members[index]);
}

}  // namespace convllava::apps
