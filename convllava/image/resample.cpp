#include "convllava/image/resample.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "convllava/image/weighted_sum.h"

namespace convllava::image {
namespace {

static_assert(std::endian::native == std::endian::little, "transpose() orders bytes within words");

constexpr int64_t kTileRows = 16;         // source rows that go through the horizontal pass together
constexpr int64_t kCell = 3 * kTileRows;  // bytes of one pixel column of a tile: [channel][row]
static_assert(kCell == kSumBlock);

using Words = uint64_t __attribute__((vector_size(16)));

double cubic(double x) {
  constexpr double a = -0.5;
  x = std::abs(x);
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
  if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * a;
  return 0.0;
}

int32_t fixed_point(double weight) {
  return static_cast<int32_t>((weight < 0 ? -0.5 : 0.5) + weight * (1 << kWeightBits));
}

/// Transposes two 8x8 matrices of bytes by swapping off-diagonal blocks of 4x4, 2x2 and 1x1.
void transpose(Words* rows) {
  constexpr uint64_t kMasks[] = {0x00000000FFFFFFFF, 0x0000FFFF0000FFFF, 0x00FF00FF00FF00FF};
  for (int round = 0; round < 3; ++round) {
    const int step = 4 >> round;
    for (int i = 0; i < 8; ++i) {
      if (i & step) continue;
      const Words swapped = ((rows[i] >> (8 * step)) ^ rows[i + step]) & kMasks[round];
      rows[i + step] ^= swapped;
      rows[i] ^= swapped << (8 * step);
    }
  }
}

/// Rows of `bytes` bytes -> tile[byte][row], so that one vector holds one byte column of all rows. Fills the tile up to
/// a multiple of 16 bytes.
void load_tile(const uint8_t* const* rows, int64_t bytes, uint8_t* tile) {
  for (int64_t column = 0; column < bytes; column += 16) {
    for (int64_t half = 0; half < kTileRows; half += 8) {
      Words words[8] = {};
      for (int i = 0; i < 8; ++i) {
        const uint8_t* source = rows[half + i] + column;
        if (column + 16 <= bytes) {
          std::memcpy(&words[i], source, 16);
        } else {
          std::memcpy(&words[i], source, bytes - column);
        }
      }
      transpose(words);
      for (int i = 0; i < 16; ++i) {
        const uint64_t word = words[i % 8][i / 8];
        std::memcpy(tile + (column + i) * kTileRows + half, &word, sizeof(word));
      }
    }
  }
}

/// tile[byte][row] -> rows, in groups of 8 bytes.
void store_tile(const uint8_t* tile, int64_t bytes, uint8_t* rows, int64_t row_bytes) {
  for (int64_t column = 0; column < bytes; column += 8) {
    Words words[8];
    std::memcpy(words, tile + column * kTileRows, sizeof(words));
    transpose(words);
    for (int i = 0; i < 16; ++i) {
      const uint64_t word = words[i % 8][i / 8];
      std::memcpy(rows + i * row_bytes + column, &word, sizeof(word));
    }
  }
}

int64_t round_up(int64_t value, int64_t multiple) { return (value + multiple - 1) / multiple * multiple; }

/// The horizontal pass: tiles of 16 source rows in, rows of the result's width out.
class ColumnPass {
 public:
  ColumnPass(const Image& source, const Span& span, const Color& padding)
      : source_(source), padding_(padding), weights_(bicubic_weights(span)), count_(span.count) {
    first_ = source.width;
    for (int64_t i = 0; i < count_; ++i) {
      first_ = std::min(first_, weights_.cell[i] - 1);
      last_ = std::max(last_, weights_.cell[i] + weights_.taps(i) - 1);
    }
    first_ = std::max<int64_t>(first_, 0);
    last_ = std::min(last_, source.width);
    tile_.resize((source.width + 2) * kCell + 16 * kTileRows);
    for (int64_t cell = 0; cell < source.width + 2; ++cell) cells_.push_back(tile_.data() + cell * kCell);
    result_.resize(round_up(count_ * 3, 8) * kTileRows);
  }

  /// Source rows from `row` on -> 16 rows at `output`; rows past the end repeat the last one.
  void run(int64_t row, uint8_t* output, int64_t row_bytes) {
    const uint8_t* rows[kTileRows];
    for (int64_t i = 0; i < kTileRows; ++i) {
      const int64_t y = std::min(row + i, source_.height - 1);
      rows[i] = source_.pixels.data() + (y * source_.width + first_) * 3;
    }
    load_tile(rows, (last_ - first_) * 3, tile_.data() + (first_ + 1) * kCell);
    fill(0, 1);
    fill(source_.width + 1, 1);
    resample_tile(output, row_bytes);
  }

  /// 16 rows made of padding.
  void run_padding(uint8_t* output, int64_t row_bytes) {
    fill(0, source_.width + 2);
    resample_tile(output, row_bytes);
  }

 private:
  void fill(int64_t cell, int64_t count) {
    for (uint8_t* bytes = tile_.data() + cell * kCell; count > 0; --count) {
      for (const uint8_t value : padding_) bytes = std::fill_n(bytes, kTileRows, value);
    }
  }

  void resample_tile(uint8_t* output, int64_t row_bytes) {
    for (int64_t i = 0; i < count_; ++i) {
      weighted_sum_(cells_.data() + weights_.cell[i], weights_.weights.data() + weights_.start[i], weights_.taps(i),
                    kCell, result_.data() + i * kCell);
    }
    store_tile(result_.data(), count_ * 3, output, row_bytes);
  }

  const Image& source_;
  const Color& padding_;
  Weights weights_;
  int64_t count_;
  int64_t first_;  // source columns [first_, last_) are needed
  int64_t last_ = 0;
  WeightedSum weighted_sum_ = weighted_sums().front();
  std::vector<uint8_t> tile_;
  std::vector<const uint8_t*> cells_;
  std::vector<uint8_t> result_;
};

/// Source rows are transposed into tiles, narrowed, and kept in a ring until no output row needs them any more.
Image columns_then_rows(const Image& source, const Span& columns, const Span& rows, const Color& padding) {
  ColumnPass column_pass(source, columns, padding);
  const Weights weights = bicubic_weights(rows);
  const WeightedSum weighted_sum = weighted_sums().front();
  int64_t most_taps = 0;
  for (int64_t i = 0; i < rows.count; ++i) most_taps = std::max(most_taps, weights.taps(i));

  // Row r of the image waits at r % capacity; the row of padding lies behind the ring.
  const int64_t row_bytes = round_up(columns.count * 3, kSumBlock);
  const int64_t capacity = round_up(most_taps, kTileRows) + 2 * kTileRows;
  std::vector<uint8_t> ring((capacity + 1) * row_bytes);
  uint8_t* padding_row = ring.data() + capacity * row_bytes;
  if (rows.before + rows.after > 0) {
    column_pass.run_padding(ring.data(), row_bytes);
    std::copy_n(ring.data(), row_bytes, padding_row);
  }

  Image result{columns.count, rows.count, std::vector<uint8_t>(columns.count * rows.count * 3)};
  std::vector<uint8_t> line(row_bytes);
  std::vector<const uint8_t*> cells(most_taps);
  int64_t next = 0;
  for (int64_t i = 0; i < rows.count; ++i) {
    const int64_t first = weights.cell[i] - 1;
    const int64_t last = std::min(first + weights.taps(i), source.height);
    next = std::max(next, std::max<int64_t>(first, 0) / kTileRows * kTileRows);
    for (; next < last; next += kTileRows) {
      column_pass.run(next, ring.data() + next % capacity * row_bytes, row_bytes);
    }
    for (int64_t tap = 0; tap < weights.taps(i); ++tap) {
      const int64_t row = first + tap;
      cells[tap] = row < 0 || row == source.height ? padding_row : ring.data() + row % capacity * row_bytes;
    }
    weighted_sum(cells.data(), weights.weights.data() + weights.start[i], weights.taps(i), row_bytes, line.data());
    std::copy_n(line.data(), columns.count * 3, result.pixels.data() + i * columns.count * 3);
  }
  return result;
}

}  // namespace

Weights bicubic_weights(const Span& span) {
  const int64_t size = span.before + span.input + span.after;
  const double scale = static_cast<double>(size) / static_cast<double>(span.output);
  const double filter_scale = std::max(scale, 1.0);
  const double support = 2.0 * filter_scale;
  const auto cell_of = [&](int64_t x) { return std::clamp<int64_t>(x - span.before, -1, span.input) + 1; };
  const auto is_nonzero = [](int32_t weight) { return weight != 0; };
  Weights result;
  result.start.push_back(0);
  std::vector<double> exact;
  std::vector<int32_t> folded;
  for (int64_t i = span.first; i < span.first + span.count; ++i) {
    const double center = (static_cast<double>(i) + 0.5) * scale;
    const int64_t low = std::max<int64_t>(0, static_cast<int64_t>(center - support + 0.5));
    const int64_t high = std::min(size, static_cast<int64_t>(center + support + 0.5));
    exact.clear();
    double total = 0;
    for (int64_t x = low; x < high; ++x) {
      exact.push_back(cubic((static_cast<double>(x) - center + 0.5) * (1.0 / filter_scale)));
      total += exact.back();
    }
    const int64_t first = cell_of(low);
    folded.assign(cell_of(high - 1) - first + 1, 0);
    for (int64_t x = low; x < high; ++x) folded[cell_of(x) - first] += fixed_point(exact[x - low] / total);
    const auto begin = std::find_if(folded.begin(), folded.end(), is_nonzero);
    const auto end = std::find_if(folded.rbegin(), folded.rend(), is_nonzero).base();
    result.cell.push_back(first + (begin - folded.begin()));
    result.weights.insert(result.weights.end(), begin, end);
    result.start.push_back(static_cast<int64_t>(result.weights.size()));
  }
  return result;
}

Image resample(const Image& source, const Span& columns, const Span& rows, const Color& padding) {
  const int64_t shrunk_rows = rows.input - rows.output;
  const int64_t shrunk_columns = columns.input - columns.output;
  const bool padded = columns.before + columns.after + rows.before + rows.after > 0;
  if (padded || shrunk_rows <= 0 || shrunk_rows <= 2 * shrunk_columns) {
    return columns_then_rows(source, columns, rows, padding);
  }
  // A pass between equal sizes changes nothing.
  const Span all{.input = source.width, .output = source.width, .count = source.width};
  const Span made{.input = rows.count, .output = rows.count, .count = rows.count};
  return columns_then_rows(columns_then_rows(source, all, rows, padding), columns, made, padding);
}

}  // namespace convllava::image
