#include "convllava/data/dataset.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "convllava/core/error.h"
#include "convllava/core/fingerprint.h"
#include "convllava/core/random.h"
#include "convllava/core/watched_file.h"

namespace convllava::data {
namespace {

constexpr uint64_t kSplitStream = 0x53504C4954;  // "SPLIT": other numbers than the sampler's of the same seed

uint64_t hash(std::string_view bytes) {
  core::Fingerprint fingerprint;
  fingerprint.add(bytes);
  return fingerprint.value();
}

/// Of who says what.
uint64_t hash_of(const std::vector<text::Turn>& turns) {
  core::Fingerprint fingerprint;
  for (const text::Turn& turn : turns) {
    fingerprint.add(turn.speaker == text::Speaker::kHuman ? "human" : "gpt");
    fingerprint.add(std::string_view("\0", 1));
    fingerprint.add(turn.text);
    fingerprint.add(std::string_view("\0", 1));
  }
  return fingerprint.value();
}

bool is_inside(const std::filesystem::path& folder, const std::filesystem::path& path) {
  const auto inside = path.lexically_normal().lexically_relative(folder.lexically_normal());
  return !inside.empty() && *inside.begin() != "..";
}

/// `folder` / `image` where that lies in the folder, as it is written or, for an absolute path, wherever the folder is.
std::filesystem::path path_inside(const std::filesystem::path& folder, const std::string& image) {
  const std::filesystem::path path = folder / image;
  if (!std::filesystem::path(image).is_absolute() && is_inside(".", image)) return path;
  std::error_code ignored;
  const auto whole = std::filesystem::absolute(path, ignored);
  for (const auto& place :
       {std::filesystem::absolute(folder / ".", ignored), std::filesystem::weakly_canonical(folder / ".", ignored)}) {
    if (is_inside(place, whole)) return path;
  }
  throw DataError(error_message("", "\"image\" leads out of the set's image folder", image,
                                fmt::format("a path in {}, or `images: /` to allow every absolute path",
                                            folder.empty() ? "the current folder" : folder.string())));
}

/// The innermost folder around the image folders of all sets.
std::filesystem::path common_folder(const std::vector<SourceFiles>& sources) {
  std::filesystem::path common = sources.front().images.lexically_normal();
  for (const SourceFiles& source : sources) {
    const std::filesystem::path folder = source.images.lexically_normal();
    const auto end = std::mismatch(common.begin(), common.end(), folder.begin(), folder.end()).first;
    std::filesystem::path shared;
    for (auto part = common.begin(); part != end; ++part) shared /= *part;
    common = shared;
  }
  return common;
}

void check(const std::vector<SourceFiles>& sources, const SampleOptions& options) {
  for (const SourceFiles& source : sources) {
    if (!std::isfinite(source.weight) || source.weight < 0) {
      throw ConfigError(error_message(source.annotations.string(), "the set's weight cannot be used",
                                      fmt::format("{}", source.weight), "a number >= 0"));
    }
  }
  if (options.total_stride < 1 || options.image.size < options.total_stride) {
    throw ConfigError(error_message("dataset", "pictures are smaller than one visual token",
                                    fmt::format("{} pixels", options.image.size),
                                    fmt::format("at least {}", options.total_stride)));
  }
}

/// The visual tokens of a picture behind `before` tokens of text. All of them must fit into the sample, which is found
/// out before the picture is resized: native aspect can make a small file enormous.
int64_t visual_tokens(const image::Image& picture, int64_t before, const SampleOptions& options) {
  const auto [height, width] = image::output_size(options.image, picture.height, picture.width);
  const int64_t tokens = (height / options.total_stride) * (width / options.total_stride);
  if (before + tokens <= options.max_length) return tokens;
  throw DataError(error_message("", "the picture does not fit into the sample",
                                fmt::format("{}x{} pixels, resized to {}x{}: {} visual tokens behind {} tokens of text",
                                            picture.width, picture.height, width, height, tokens, before),
                                fmt::format("at most max_length {} together", options.max_length)));
}

void add_picture(Sample& sample, const std::filesystem::path& path, const SampleOptions& options) {
  const image::Image picture = image::load_image(path);
  const auto& ids = sample.prompt.input_ids;
  const int64_t before = std::find(ids.begin(), ids.end(), text::kImageToken) - ids.begin();
  try {
    sample.visual_tokens = visual_tokens(picture, before, options);
    sample.picture = image::preprocess(picture, options.image);
  } catch (const DataError& error) {
    throw DataError(error_message(path.string(), error.what()));
  }
}

/// Supervised tokens from `max_length` on, the picture's placeholder counted as its visual tokens.
int64_t count_cut_labels(const Sample& sample, int64_t max_length) {
  int64_t position = 0;
  int64_t cut = 0;
  int64_t kept = 0;
  for (size_t i = 0; i < sample.prompt.input_ids.size(); ++i) {
    if (sample.prompt.labels[i] != text::kIgnoreLabel) ++(position < max_length ? kept : cut);
    position += sample.prompt.input_ids[i] == text::kImageToken ? sample.visual_tokens : 1;
  }
  if (kept == 0) {
    throw DataError(error_message("", fmt::format("no part of an answer fits into max_length {}", max_length),
                                  fmt::format("{} tokens, {} of them visual", position, sample.visual_tokens),
                                  "a shorter question, or a larger max_length"));
  }
  return cut;
}

}  // namespace

Dataset::Dataset(std::vector<SourceFiles> sources, SampleOptions options, text::Tokenizer tokenizer)
    : sources_(std::move(sources)), options_(options), tokenizer_(std::move(tokenizer)) {
  check(sources_, options_);
  for (size_t source = 0; source < sources_.size(); ++source) {
    const AnnotationFile& file = files_.emplace_back(sources_[source].annotations);
    for (int64_t record = 0; record < file.size(); ++record) entries_.push_back({static_cast<int32_t>(source), record});
  }
}

const RecordSummary& Dataset::summary(int64_t index) const {
  const Entry& entry = entries_.at(index);
  return files_[entry.source].summary(entry.record);
}

double Dataset::weight(int64_t index) const { return sources_[entries_.at(index).source].weight; }

std::string Dataset::where(int64_t index) const {
  const Entry& entry = entries_.at(index);
  return files_[entry.source].where(entry.record);
}

Record Dataset::record(int64_t index) const {
  const Entry& entry = entries_.at(index);
  return files_[entry.source].record(entry.record);
}

std::vector<BadSample> Dataset::bad_records() const {
  std::vector<BadSample> bad;
  int64_t first = 0;
  for (const AnnotationFile& file : files_) {
    for (const auto& record : file.bad()) bad.push_back({first + record.index, record.message});
    first += file.size();
  }
  return bad;
}

std::filesystem::path Dataset::image_path(int64_t index) const {
  const Record record = this->record(index);
  return record.image ? path_inside(sources_[entries_[index].source].images, *record.image) : std::filesystem::path();
}

Sample Dataset::sample(int64_t index) const {
  const Record record = this->record(index);
  try {
    Sample sample;
    sample.prompt =
        text::encode_conversation(tokenizer_, options_.prompt_template, record.turns, record.image.has_value());
    if (record.image)
      add_picture(sample, path_inside(sources_[entries_[index].source].images, *record.image), options_);
    sample.cut_labels = count_cut_labels(sample, options_.max_length);
    return sample;
  } catch (const DataError& error) {
    throw DataError(error_message(where(index), error.what()));
  }
}

std::pair<std::vector<int64_t>, std::vector<int64_t>> Dataset::split(double share, uint64_t seed) const {
  std::vector<int64_t> used;
  for (int64_t index = 0; index < size(); ++index) {
    if (weight(index) > 0) used.push_back(index);
  }
  if (share <= 0 || used.empty()) return {used, {}};
  // Sorted by random numbers, of which each picture has one: its records are neighbours.
  std::vector<std::pair<uint64_t, int64_t>> order;
  const std::vector<uint64_t> identities = this->identities(used);
  for (size_t i = 0; i < used.size(); ++i) {
    order.emplace_back(core::Random(seed ^ kSplitStream, identities[i]).next(), used[i]);
  }
  std::sort(order.begin(), order.end());
  const auto records = static_cast<int64_t>(order.size());
  auto kept = std::clamp<int64_t>(std::llround(share * static_cast<double>(records)), 1, records);
  while (kept < records && order[kept].first == order[kept - 1].first) ++kept;

  std::vector<int64_t> training;
  std::vector<int64_t> validation;
  for (int64_t i = 0; i < records; ++i) (i < kept ? validation : training).push_back(order[i].second);
  std::sort(training.begin(), training.end());
  std::sort(validation.begin(), validation.end());
  return {training, validation};
}

/// A number for each record's picture, by its path from the folder around all sets so that the data can be moved.
/// Records without one, or whose picture cannot be told, share the number of one of them, the least, with those of
/// equal turns; ids and layout of the file do not make them different.
std::vector<uint64_t> Dataset::identities(const std::vector<int64_t>& indices) const {
  const std::filesystem::path folder = common_folder(sources_);
  std::vector<uint64_t> numbers;
  std::vector<uint64_t> turns(indices.size());  // 0: a record with a picture
  std::map<uint64_t, uint64_t> least;
  for (size_t i = 0; i < indices.size(); ++i) {
    const Entry& entry = entries_[indices[i]];
    const std::string bytes = files_[entry.source].bytes(entry.record);
    turns[i] = hash(bytes);
    try {
      const Record record = this->record(indices[i]);
      if (record.image) {
        const auto path = (sources_[entry.source].images / *record.image).lexically_normal();
        const auto inside = path.lexically_relative(folder);
        numbers.push_back(hash((inside.empty() ? path : inside).string()));
        turns[i] = 0;
        continue;
      }
      turns[i] = hash_of(record.turns);
    } catch (const core::FileChanged&) {
      throw;
    } catch (const DataError&) {  // a bad record: alike are those of equal bytes
    }
    numbers.push_back(core::Random(hash(bytes), 1).next());
    const auto found = least.try_emplace(turns[i], numbers[i]).first;
    found->second = std::min(found->second, numbers[i]);
  }
  for (size_t i = 0; i < indices.size(); ++i) {
    if (turns[i] != 0) numbers[i] = least.at(turns[i]);
  }
  return numbers;
}

std::vector<uint64_t> Dataset::fingerprints() const {
  std::vector<uint64_t> fingerprints;
  for (const AnnotationFile& file : files_) fingerprints.push_back(file.fingerprint());
  return fingerprints;
}

}  // namespace convllava::data
