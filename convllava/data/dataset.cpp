#include "convllava/data/dataset.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "convllava/core/error.h"
#include "convllava/core/fingerprint.h"
#include "convllava/core/random.h"
#include "convllava/core/watched_file.h"
#include "convllava/data/error_in.h"
#include "convllava/data/packed_batch.h"

namespace convllava::data {
namespace {

constexpr uint64_t kSplitStream = 0x53504C4954;  // "SPLIT": other numbers than the sampler's of the same seed

uint64_t hash(std::string_view bytes) {
  core::Fingerprint fingerprint;
  fingerprint.add(bytes);
  return fingerprint.value();
}

/// Of speakers and texts.
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

/// Whether `folder` / `image` is outside the folder, as a text and, for absolute paths, after links are resolved.
bool leads_outside(const std::filesystem::path& folder, const std::string& image) {
  if (!std::filesystem::path(image).is_absolute() && is_inside(".", image)) return false;
  std::error_code ignored;
  const auto whole = std::filesystem::absolute(folder / image, ignored);
  return !is_inside(std::filesystem::absolute(folder / ".", ignored), whole) &&
         !is_inside(std::filesystem::weakly_canonical(folder / ".", ignored), whole);
}

std::filesystem::path path_of_image(const DataSource& source, const std::string& image) {
  return std::filesystem::path(source.images) / image;
}

/// The innermost folder that contains the image folders of all sets.
std::filesystem::path common_folder(const std::vector<DataSource>& sources) {
  std::filesystem::path common = std::filesystem::path(sources.front().images).lexically_normal();
  for (const DataSource& source : sources) {
    const std::filesystem::path folder = std::filesystem::path(source.images).lexically_normal();
    const auto end = std::mismatch(common.begin(), common.end(), folder.begin(), folder.end()).first;
    std::filesystem::path shared;
    for (auto part = common.begin(); part != end; ++part) shared /= *part;
    common = shared;
  }
  return common;
}

void check(const std::vector<DataSource>& sources, const SampleOptions& options) {
  for (const DataSource& source : sources) {
    if (!std::isfinite(source.weight) || source.weight < 0) {
      throw ConfigError({source.annotations, "weight"}, "out of range", fmt::format("{}", source.weight),
                        "a number >= 0");
    }
  }
  if (options.visual_tokens(options.image.size, options.image.size) < 1) {
    throw ConfigError({"dataset", "image.size"}, "images give no visual token",
                      fmt::format("{} pixels", options.image.size), "a size that the vision tower takes");
  }
}

/// The number of visual tokens of an image of this final size after `before` tokens of text. All of them must be within
/// max_length. This is checked before the image is resized: native aspect can make a small file enormous. `origin` is a
/// text about the original size.
int64_t visual_tokens(std::pair<int64_t, int64_t> size, int64_t before, const SampleOptions& options,
                      std::string_view origin) {
  const int64_t tokens = options.visual_tokens(size.first, size.second);
  if (tokens < 1) {
    throw DataError("", "gives no visual token", fmt::format("{}x{} pixels after resizing", size.second, size.first),
                    "a size that the vision tower takes");
  }
  if (before + tokens <= options.max_length) return tokens;
  throw DataError("", "the image does not fit into max_length",
                  fmt::format("{}{} visual tokens after {} tokens of text", origin, tokens, before),
                  fmt::format("at most {} together", options.max_length));
}

/// Without pixels an image has only its size; its file is read only if the size depends on it.
void add_image(Sample& sample, const std::filesystem::path& path, const SampleOptions& options, bool with_pixels) {
  const bool reads = with_pixels || options.image.aspect == image::Aspect::kNative;
  const image::Image image = reads ? image::load_image(path) : image::Image{1, 1, {}};
  const auto& ids = sample.prompt.input_ids;
  const int64_t before = std::find(ids.begin(), ids.end(), text::kImageToken) - ids.begin();
  try {
    const auto [height, width] = image::output_size(options.image, image.height, image.width);
    const auto origin = fmt::format("{}x{} pixels, resized to {}x{}: ", image.width, image.height, width, height);
    sample.visual_tokens = visual_tokens({height, width}, before, options, reads ? origin : "");
    sample.image = with_pixels ? image::preprocess(image, options.image) : image::Image{width, height, {}};
  } catch (const DataError& error) {
    throw error_in(path.string(), error);
  }
}

/// Counts the supervised tokens within and beyond `max_length`. Throws DataError if none is within.
void count_labels(Sample& sample, int64_t max_length) {
  const auto& labels = sample.prompt.labels;
  const auto cut = labels.begin() + kept_entries(sample, max_length);
  const auto supervised = [](int64_t label) { return label != text::kIgnoreLabel; };
  sample.kept_labels = std::count_if(labels.begin(), cut, supervised);
  sample.cut_labels = std::count_if(cut, labels.end(), supervised);
  if (sample.kept_labels == 0) {
    throw DataError("", "no part of an answer fits into max_length",
                    fmt::format("{} tokens, {} of them visual", sample.tokens(), sample.visual_tokens),
                    fmt::format("an answer within {} tokens: a shorter question, or a larger max_length", max_length));
  }
}

}  // namespace

void DataSource::visit_fields(config::FieldVisitor& visitor) {
  visitor.path("annotations", annotations, "LLaVA annotations, a JSON array or JSON lines; relative to `data.root`.");
  visitor.path(
      "images", images,
      "Folder that the `image` paths of the records start from; relative to `data.root`; empty is `data.root`.");
  visitor.field(
      "weight", weight,
      "How often the set is used per epoch: 2 is twice, 0.5 is a random half in each epoch, 0 never. Validation sets "
      "are always used completely, with weight 1.",
      {0, 1000});
}

void EncodeOptions::visit_fields(config::FieldVisitor& visitor) {
  text::visit_template(visitor, prompt_template);
  visitor.fixed_on_resume().field(
      "max_length", max_length,
      "Longest sample in tokens, with visual tokens. Longer samples are truncated, and the log has their number.",
      config::kCount);
}

Dataset::Dataset(std::vector<DataSource> sources, SampleOptions options, text::Tokenizer tokenizer)
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
  return record.image ? path_of_image(sources_[entries_[index].source], *record.image) : std::filesystem::path();
}

bool Dataset::image_is_outside(int64_t index) const {
  const Record record = this->record(index);
  return record.image && leads_outside(sources_[entries_[index].source].images, *record.image);
}

Sample Dataset::sample(int64_t index) const { return make_sample(index, /*with_pixels=*/true); }

Sample Dataset::outline(int64_t index) const { return make_sample(index, /*with_pixels=*/false); }

Sample Dataset::make_sample(int64_t index, bool with_pixels) const {
  const Record record = this->record(index);
  try {
    Sample sample;
    sample.prompt =
        text::encode_conversation(tokenizer_, options_.prompt_template, record.turns, record.image.has_value());
    if (record.image) {
      add_image(sample, path_of_image(sources_[entries_[index].source], *record.image), options_, with_pixels);
    }
    count_labels(sample, options_.max_length);
    return sample;
  } catch (const DataError& error) {
    throw error_in(where(index), error);
  }
}

std::map<std::string, int64_t> Dataset::unused_fields() const {
  std::map<std::string, int64_t> fields;
  for (size_t source = 0; source < sources_.size(); ++source) {
    if (sources_[source].weight == 0) continue;
    for (const auto& [field, records] : files_[source].unused_fields()) fields[field] += records;
  }
  return fields;
}

std::pair<std::vector<int64_t>, std::vector<int64_t>> Dataset::split(double share, uint64_t seed) const {
  std::vector<int64_t> used;
  for (int64_t index = 0; index < size(); ++index) {
    if (weight(index) > 0) used.push_back(index);
  }
  if (share <= 0 || used.empty()) return {used, {}};
  // Sorted by random numbers, one per image: the records of an image are neighbours.
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

/// A number for each record: records with the same image have the same number, and so have records without image that
/// have equal turns, whatever their ids and their layout in the file. Image paths are relative to the common folder of
/// all sets, so that the data can be moved.
std::vector<uint64_t> Dataset::identities(const std::vector<int64_t>& indices) const {
  const std::filesystem::path folder = common_folder(sources_);
  std::vector<uint64_t> numbers;
  std::vector<uint64_t> turns(indices.size());  // 0: a record with an image
  std::map<uint64_t, uint64_t> least;
  for (size_t i = 0; i < indices.size(); ++i) {
    const Entry& entry = entries_[indices[i]];
    const std::string bytes = files_[entry.source].bytes(entry.record);
    turns[i] = hash(bytes);
    try {
      const Record record = this->record(indices[i]);
      if (record.image) {
        const auto path = path_of_image(sources_[entry.source], *record.image).lexically_normal();
        const auto inside = path.lexically_relative(folder);
        numbers.push_back(hash((inside.empty() ? path : inside).string()));
        turns[i] = 0;
        continue;
      }
      turns[i] = hash_of(record.turns);
    } catch (const core::FileChanged&) {
      throw;
    } catch (const DataError&) {  // bad records are equal if their bytes are
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
