#pragma once

// Samples in sequence, without padding. Attention and positions restart at each sequence.

#include <cstdint>
#include <vector>

#include "convllava/data/dataset.h"

namespace convllava::data {

/// T tokens of S sequences, R positions with loss; images are grouped by size.
struct PackedBatch {
  struct ImageGroup {
    int64_t height = 0;
    int64_t width = 0;
    int64_t count = 0;
    std::vector<uint8_t> pixels;  ///< [count, height, width, 3]
  };

  std::vector<int64_t> input_ids;     ///< [T], kImageToken at each visual position
  std::vector<int64_t> position_ids;  ///< [T], from 0 in each sequence
  std::vector<int64_t> cu_seqlens;    ///< [S + 1], boundaries of the sequences
  std::vector<int64_t> target_rows;   ///< [R], positions whose outputs predict `targets`
  std::vector<int64_t> targets;       ///< [R], token ids
  std::vector<ImageGroup> images;
  std::vector<int64_t> visual_rows;  ///< [V], position of each visual token, in the order of the groups' images

  int64_t tokens() const { return static_cast<int64_t>(input_ids.size()); }
  int64_t supervised_tokens() const { return static_cast<int64_t>(targets.size()); }
};

/// The number of entries of `sample.prompt` that begin within `max_length` tokens; the image placeholder counts as its
/// visual tokens. `pack` keeps exactly these, and the loss uses their labels.
int64_t kept_entries(const Sample& sample, int64_t max_length);

/// Expands each image placeholder to its visual tokens, truncates each sequence to `max_length`, and joins the
/// sequences. Throws DataError if visual tokens are truncated; `Dataset::sample` rejects such samples before.
PackedBatch pack(const std::vector<Sample>& samples, int64_t max_length);

}  // namespace convllava::data
