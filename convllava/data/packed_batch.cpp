#include "convllava/data/packed_batch.h"

#include <fmt/format.h>

#include <algorithm>

#include "convllava/core/error.h"

namespace convllava::data {
namespace {

/// Appends an image to the group of its size and returns the index of the group.
size_t add_image(std::vector<PackedBatch::ImageGroup>& groups, const image::Image& image) {
  auto group = std::find_if(groups.begin(), groups.end(), [&](const PackedBatch::ImageGroup& candidate) {
    return candidate.height == image.height && candidate.width == image.width;
  });
  if (group == groups.end()) group = groups.insert(group, {image.height, image.width, 0, {}});
  group->pixels.insert(group->pixels.end(), image.pixels.begin(), image.pixels.end());
  ++group->count;
  return static_cast<size_t>(group - groups.begin());
}

/// Appends one sample and returns the positions of its visual tokens.
std::vector<int64_t> add_sequence(PackedBatch& batch, const Sample& sample, int64_t max_length) {
  std::vector<int64_t> visual_rows;
  const int64_t begin = batch.tokens();
  const int64_t end = begin + max_length;
  const int64_t kept = kept_entries(sample, max_length);
  for (int64_t i = 0; i < kept; ++i) {
    const int64_t id = sample.prompt.input_ids[i];
    const int64_t label = sample.prompt.labels[i];
    if (id == text::kImageToken) {
      for (int64_t k = 0; k < sample.visual_tokens && batch.tokens() < end; ++k) {
        visual_rows.push_back(batch.tokens());
        batch.input_ids.push_back(id);
      }
      continue;
    }
    if (label != text::kIgnoreLabel && batch.tokens() > begin) {
      batch.target_rows.push_back(batch.tokens() - 1);
      batch.targets.push_back(label);
    }
    batch.input_ids.push_back(id);
  }
  for (int64_t position = 0; begin + position < batch.tokens(); ++position) batch.position_ids.push_back(position);
  batch.cu_seqlens.push_back(batch.tokens());
  return visual_rows;
}

}  // namespace

int64_t kept_entries(const Sample& sample, int64_t max_length) {
  int64_t position = 0;
  int64_t kept = 0;
  for (const int64_t id : sample.prompt.input_ids) {
    if (position >= max_length) break;
    position += id == text::kImageToken ? sample.visual_tokens : 1;
    ++kept;
  }
  return kept;
}

PackedBatch pack(const std::vector<Sample>& samples, int64_t max_length) {
  PackedBatch batch;
  batch.cu_seqlens.push_back(0);
  std::vector<std::vector<int64_t>> rows_of_group;
  for (const Sample& sample : samples) {
    const std::vector<int64_t> rows = add_sequence(batch, sample, max_length);
    const int64_t expected = sample.image ? sample.visual_tokens : 0;
    if (static_cast<int64_t>(rows.size()) != expected) {
      throw DataError("pack", "a sample's visual tokens do not match its image",
                      fmt::format("{} within max_length {}", rows.size(), max_length), fmt::format("{}", expected));
    }
    if (!sample.image) continue;
    const size_t group = add_image(batch.images, *sample.image);
    rows_of_group.resize(batch.images.size());
    rows_of_group[group].insert(rows_of_group[group].end(), rows.begin(), rows.end());
  }
  for (const auto& rows : rows_of_group) batch.visual_rows.insert(batch.visual_rows.end(), rows.begin(), rows.end());
  return batch;
}

}  // namespace convllava::data
