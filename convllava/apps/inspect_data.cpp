#include "convllava/apps/inspect_data.h"

#include <fmt/format.h>

#include <limits>

#include "convllava/core/progress.h"
#include "convllava/data/mixture.h"
#include "convllava/data/summary.h"
#include "convllava/stage/planned_model.h"
#include "convllava/text/characters.h"

namespace convllava::apps {
namespace {

constexpr int64_t kMostDecoded = 1000;

std::string share(int64_t part, int64_t whole) {
  return fmt::format("{} of {} ({:.1f} %)", part, whole,
                     whole == 0 ? 0.0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole));
}

void print_row(std::string_view what, const std::string& value) { fmt::print("  {:<24}{}\n", what, value); }

/// `with_fields`: the fields that are not used are those of whole files, also where validation takes a part of them.
void print_summary(const std::string& name, const data::DataSummary& summary, int64_t max_length, bool with_fields) {
  fmt::print("{}: {} records\n", name, summary.records);
  print_row("text only", share(summary.text_only, summary.records));
  print_row("unusable", share(summary.unusable, summary.records));
  for (const auto& reason : summary.reasons) fmt::print("    {}\n", reason);
  const auto unlisted = summary.unusable - static_cast<int64_t>(summary.reasons.size());
  if (unlisted > 0) fmt::print("    and {} more\n", unlisted);
  print_row("missing images", share(summary.missing, summary.records - summary.text_only));
  print_row("outside their folder", share(summary.outside, summary.records - summary.text_only));
  print_row("images decoded", share(summary.decoded, summary.records - summary.text_only));
  print_row("with an empty answer", share(summary.with_empty_answer, summary.records));
  print_row("cut by data.max_length",
            fmt::format("{}: {} answer tokens are not used", share(summary.cut_records, summary.records),
                        share(summary.cut_answer_tokens, summary.answer_tokens)));
  if (with_fields) {
    print_row("ignored fields", summary.unused_fields.empty() ? "none" : data::list_fields(summary.unused_fields));
  }
  const auto characters = text::list_characters(summary.characters_without_token);
  print_row("without a token", characters.empty() ? "none" : characters);
  const int64_t usable = summary.examined - summary.unusable;
  if (usable == 0) return;
  print_row("tokens of a sample",
            fmt::format("{} on average, at most {} (data.max_length {}): {}", summary.tokens / usable,
                        summary.longest_tokens, max_length, summary.longest_where));
}

data::DataSummary check(const std::string& name, const data::DataSelection& selection, const stage::RunConfig& config,
                        bool with_fields) {
  const auto records = static_cast<int64_t>(selection.members.size());
  core::Progress progress(name, records);
  const data::SummaryOptions options{.most_examined = std::numeric_limits<int64_t>::max(),
                                     .most_decoded = kMostDecoded,
                                     .threads = static_cast<int>(config.data.workers),
                                     .progress = [&](int64_t examined) { progress.update(examined); }};
  const auto summary = data::summarize(*selection.dataset, selection.members, options);
  progress.finish();
  print_summary(name, summary, config.data.max_length, with_fields);
  return summary;
}

}  // namespace

void check_data(const stage::RunConfig& config) {
  const auto plan = stage::plan_model(config, stage::Paths::kMustExist);
  const auto data = stage::open_data(config, plan.shape.vision, *plan.tokenizer);
  auto unusable = check("training", data.train, config, true).unusable;
  auto records = static_cast<int64_t>(data.train.members.size());
  if (data.validation.dataset) {
    unusable += check("validation", data.validation, config, !config.data.validation.empty()).unusable;
    records += static_cast<int64_t>(data.validation.members.size());
  }
  if (!data::too_many_bad(unusable, records, config.data.max_bad_share)) return;
  throw data::bad_share_error("data", "too many records or images cannot be used", share(unusable, records),
                              config.data.max_bad_share);
}

}  // namespace convllava::apps
