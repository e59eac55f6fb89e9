#include "convllava/apps/inspect_labels.h"

#include <fmt/color.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "convllava/core/error.h"
#include "convllava/data/mixture.h"
#include "convllava/data/packed_batch.h"
#include "convllava/stage/planned_model.h"
#include "convllava/text/characters.h"

namespace convllava::apps {
namespace {

bool has_colours() {
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string_view(value == nullptr ? "" : value);
  };
  return isatty(STDOUT_FILENO) != 0 && variable("NO_COLOR").empty() && variable("TERM") != "dumb";
}

/// One token, or one image, in colour or, where there are no colours, as it is.
class TokenPrinter {
 public:
  explicit TokenPrinter(const text::Tokenizer& tokenizer) : tokenizer_(tokenizer) {}
  ~TokenPrinter() { mark(false); }

  void print(const data::Sample& sample, size_t entry, bool learnt) {
    mark(learnt);
    const int64_t id = sample.prompt.input_ids[entry];
    const bool image = id == text::kImageToken;
    const auto shown = image ? fmt::format("[{} visual tokens]", sample.visual_tokens) : tokenizer_.piece(id);
    const auto colour = image    ? fmt::terminal_color::blue
                        : learnt ? fmt::terminal_color::green
                                 : fmt::terminal_color::bright_black;
    fmt::print(colours_ ? fmt::fg(colour) : fmt::text_style(), "{}", shown);
  }

  void print_cut(int64_t max_length) {
    mark(false);
    fmt::print(colours_ ? fmt::fg(fmt::terminal_color::red) : fmt::text_style(),
               "\n--- cut off by data.max_length {} ---\n", max_length);
  }

 private:
  void mark(bool learnt) {
    if (!colours_ && learnt != learnt_) fmt::print("{}", learnt ? "[[" : "]]");
    learnt_ = learnt;
  }

  const text::Tokenizer& tokenizer_;
  bool colours_ = has_colours();
  bool learnt_ = false;
};

/// The tokens of a prompt as a person reads them; only supervised tokens are marked.
void print_tokens(const data::Dataset& dataset, const data::Sample& sample) {
  const auto kept = static_cast<size_t>(data::kept_entries(sample, dataset.options().max_length));
  TokenPrinter printer(dataset.tokenizer());
  for (size_t i = 0; i < sample.prompt.input_ids.size(); ++i) {
    if (i == kept) printer.print_cut(dataset.options().max_length);
    printer.print(sample, i, i < kept && sample.prompt.labels[i] != text::kIgnoreLabel);
  }
}

void print_sample(const data::Dataset& dataset, int64_t member) {
  const auto sample = dataset.sample(member);
  const int64_t all = sample.tokens();
  const int64_t used = std::min(all, dataset.options().max_length);
  fmt::print("{}\n", dataset.where(member));
  print_tokens(dataset, sample);
  fmt::print("\n{} tokens = {} used + {} cut off by data.max_length {}\n", all, used, all - used,
             dataset.options().max_length);
  fmt::print("used: {} visual tokens and {} supervised tokens; cut off: {} answer tokens\n", sample.visual_tokens,
             sample.kept_labels, sample.cut_labels);
  const auto characters = text::characters_without_token(dataset.tokenizer(), sample.prompt.input_ids);
  if (!characters.empty()) {
    fmt::print("the tokenizer has no token for {}: such characters are encoded as bytes, \"x\" as <0x78>\n",
               text::list_characters(characters));
  }
}

}  // namespace

void print_labels(const stage::RunConfig& config, int64_t index) {
  const auto plan = stage::plan_model(config, stage::Paths::kMustExist);
  const auto data = stage::open_data(config, plan.shape.vision, *plan.tokenizer);
  const auto& members = data.train.members;
  if (index < 0 || index >= static_cast<int64_t>(members.size())) {
    throw ConfigError({"", "--sample"}, "out of range", std::to_string(index),
                      "0 to " + std::to_string(members.size() - 1));
  }
  print_sample(*data.train.dataset, members[index]);
}

}  // namespace convllava::apps
