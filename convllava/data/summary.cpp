#include "convllava/data/summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <future>
#include <utility>

#include "convllava/core/cpus.h"
#include "convllava/core/error.h"
#include "convllava/core/thread_pool.h"
#include "convllava/core/watched_file.h"
#include "convllava/text/characters.h"

namespace convllava::data {
namespace {

/// `count` positions spread evenly over [0, size).
std::vector<int64_t> spread(int64_t count, int64_t size) {
  count = std::min(count, size);
  std::vector<int64_t> positions(std::max<int64_t>(count, 0));
  for (int64_t i = 0; i < count; ++i) positions[i] = i * size / count;
  return positions;
}

struct Task {
  int64_t index = 0;
  bool decode = false;
};

void add_sample(DataSummary& summary, const Dataset& dataset, int64_t index, const Sample& sample) {
  summary.tokens += sample.tokens();
  summary.answer_tokens += sample.kept_labels + sample.cut_labels;
  summary.cut_answer_tokens += sample.cut_labels;
  summary.cut_records += sample.cut_labels > 0;
  if (sample.tokens() > summary.longest_tokens) {
    summary.longest_tokens = sample.tokens();
    summary.longest_where = dataset.where(index);
  }
  for (const auto& [character, count] : text::characters_without_token(dataset.tokenizer(), sample.prompt.input_ids)) {
    summary.characters_without_token[character] += count;
  }
}

/// Throws the errors that training has with this record. An image that is not decoded must be a file.
void examine(DataSummary& summary, const Dataset& dataset, const Task& task) {
  const auto path = dataset.image_path(task.index);
  std::error_code ignored;
  const bool there = path.empty() || std::filesystem::is_regular_file(path, ignored);
  summary.missing += !there;
  summary.outside += dataset.image_is_outside(task.index);
  const bool decode = task.decode && there && !path.empty();
  summary.decoded += decode;
  const Sample sample = decode || !there ? dataset.sample(task.index) : dataset.outline(task.index);
  add_sample(summary, dataset, task.index, sample);
}

DataSummary examine_all(const Dataset& dataset, const std::vector<Task>& tasks) {
  DataSummary summary;
  for (const Task& task : tasks) {
    ++summary.examined;
    try {
      examine(summary, dataset, task);
    } catch (const core::FileChanged&) {  // not an error of the record
      throw;
    } catch (const DataError& error) {
      ++summary.unusable;
      if (summary.reasons.size() < DataSummary::kMostReasons) summary.reasons.emplace_back(error.what());
    }
  }
  return summary;
}

void merge(DataSummary& into, DataSummary part) {
  for (auto member : {&DataSummary::examined, &DataSummary::decoded, &DataSummary::unusable, &DataSummary::missing,
                      &DataSummary::outside, &DataSummary::tokens, &DataSummary::answer_tokens,
                      &DataSummary::cut_answer_tokens, &DataSummary::cut_records}) {
    into.*member += part.*member;
  }
  for (auto& reason : part.reasons) {
    if (into.reasons.size() < DataSummary::kMostReasons) into.reasons.push_back(std::move(reason));
  }
  if (part.longest_tokens > into.longest_tokens) {
    into.longest_tokens = part.longest_tokens;
    into.longest_where = std::move(part.longest_where);
  }
  for (const auto& [character, count] : part.characters_without_token) {
    into.characters_without_token[character] += count;
  }
}

std::vector<Task> tasks_of(const Dataset& dataset, const std::vector<int64_t>& members, const SummaryOptions& options) {
  std::vector<Task> tasks;
  std::vector<size_t> with_image;
  for (const int64_t position : spread(options.most_examined, static_cast<int64_t>(members.size()))) {
    if (dataset.summary(members[position]).has_image) with_image.push_back(tasks.size());
    tasks.push_back({members[position], false});
  }
  for (const int64_t i : spread(options.most_decoded, static_cast<int64_t>(with_image.size()))) {
    tasks[with_image[i]].decode = true;
  }
  return tasks;
}

}  // namespace

DataSummary summarize(const Dataset& dataset, const std::vector<int64_t>& members, const SummaryOptions& options) {
  constexpr size_t kChunk = 64;
  DataSummary summary;
  const std::vector<Task> tasks = tasks_of(dataset, members, options);
  core::ThreadPool pool(core::worker_threads(options.threads));
  std::vector<std::future<DataSummary>> parts;
  for (size_t begin = 0; begin < tasks.size(); begin += kChunk) {
    const auto first = tasks.begin() + static_cast<std::ptrdiff_t>(begin);
    const auto last = tasks.begin() + static_cast<std::ptrdiff_t>(std::min(begin + kChunk, tasks.size()));
    parts.push_back(
        pool.submit([&dataset, chunk = std::vector<Task>(first, last)] { return examine_all(dataset, chunk); }));
  }
  for (auto& part : parts) {  // in order: the reasons are those of the first records
    merge(summary, part.get());
    if (options.progress) options.progress(summary.examined);
  }
  summary.records = static_cast<int64_t>(members.size());
  for (const int64_t index : members) {
    summary.text_only += !dataset.summary(index).has_image;
    summary.with_empty_answer += dataset.summary(index).empty_answers > 0;
  }
  summary.unused_fields = dataset.unused_fields();
  return summary;
}

std::string list_fields(const std::map<std::string, int64_t>& fields) {
  std::string list;
  for (const auto& [field, records] : fields) {
    list += fmt::format("{}\"{}\" in {} records", list.empty() ? "" : ", ", field, records);
  }
  return list;
}

std::vector<std::string> warnings(const DataSummary& summary) {
  std::vector<std::string> lines;
  const auto of_examined = [&](int64_t count) {
    return summary.examined < summary.records ? fmt::format("{} of {} examined records", count, summary.examined)
                                              : fmt::format("{} of {} records", count, summary.records);
  };
  if (!summary.unused_fields.empty()) {
    lines.push_back("unused fields: " + list_fields(summary.unused_fields) +
                    "; only \"id\", \"image\" (one image) and \"conversations\" are read");
  }
  if (summary.with_empty_answer > 0) {
    lines.push_back(fmt::format("{} of {} records have an empty answer: the model learns to answer nothing",
                                summary.with_empty_answer, summary.records));
  }
  if (summary.cut_records > 0) {
    lines.push_back(fmt::format("{} lose {} of {} answer tokens beyond data.max_length",
                                of_examined(summary.cut_records), summary.cut_answer_tokens, summary.answer_tokens));
  }
  if (summary.unusable > 0) {
    lines.push_back(
        fmt::format("{} are unusable{}; the first: {}", of_examined(summary.unusable),
                    summary.missing == 0 ? "" : fmt::format(", {} of them without their image file", summary.missing),
                    summary.reasons.front()));
  }
  if (summary.outside > 0) {
    lines.push_back(
        fmt::format("{} have an image outside their set's image folder; the report does not show these images",
                    of_examined(summary.outside)));
  }
  int64_t characters = 0;
  for (const auto& [character, count] : summary.characters_without_token) characters += count;
  if (characters * 100 > summary.tokens) {
    lines.push_back(
        fmt::format("the tokenizer has no token for {} characters of the text and writes them as bytes or as "
                    "<unk>: {}",
                    characters, text::list_characters(summary.characters_without_token)));
  }
  return lines;
}

}  // namespace convllava::data
