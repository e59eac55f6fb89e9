#pragma once

// Samples laid end to end without padding. Attention and positions start anew at each sequence.

#include <cstdint>
#include <vector>

#include "convllava/data/dataset.h"

namespace convllava::data {

/// T tokens of S sequences; R positions with loss; images grouped by shape because a batch may mix sizes.
struct PackedBatch {
  struct ImageGroup {
    int64_t height = 0;
    int64_t width = 0;
    int64_t count = 0;
    std::vector<uint8_t> pixels;  ///< [count, height, width, 3]
  };

  std::vector<int64_t> input_ids;     ///< [T], kImageToken at each visual position
  std::vector<int64_t> position_ids;  ///< [T], from 0 in each sequence
  std::vector<int64_t> cu_seqlens;    ///< [S + 1], where sequences begin and end
  std::vector<int64_t> target_rows;   ///< [R], position whose output predicts `targets`
  std::vector<int64_t> targets;       ///< [R], token ids
  std::vector<ImageGroup> images;
  std::vector<int64_t> visual_rows;  ///< [V], position of each visual token, in the order of the groups' images

  int64_t tokens() const { return static_cast<int64_t>(input_ids.size()); }
  int64_t supervised_tokens() const { return static_cast<int64_t>(targets.size()); }
};

/// How many entries of `sample.prompt` begin within `max_length` tokens, the image's placeholder counted as its
/// visual tokens. `pack` keeps these and no more, so that their labels are what the loss sees.
int64_t kept_entries(const Sample& sample, int64_t max_length);

/// Expands each image's placeholder to its visual tokens, cuts a sequence at `max_length`, and joins the sequences.
/// Throws DataError when an image's tokens would be cut, which `Dataset::sample` rules out.
PackedBatch pack(const std::vector<Sample>& samples, int64_t max_length);

}  // namespace convllava::data
