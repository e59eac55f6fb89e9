// PNG with zlib. Not with libpng: Pillow does without it too, and which damaged files are read follows from that.

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string>
#include <vector>

#include "convllava/image/decode.h"
#include "convllava/image/png_chunks.h"
#include "convllava/image/samples.h"

namespace convllava::image {
namespace {

/// Pixels (left + i * column_step, top + j * row_step) of the image.
struct Pass {
  int64_t left, top, column_step, row_step;
};
constexpr Pass kPlain = {0, 0, 1, 1};
constexpr std::array<Pass, 7> kAdam7 = {
    {{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4}, {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}}};

/// left + above - corner, or rather the one of them that is nearest to it.
uint8_t paeth(int left, int above, int corner) {
  const int from_left = std::abs(above - corner);
  const int from_above = std::abs(left - corner);
  const int from_corner = std::abs(left + above - 2 * corner);
  const int other = from_above <= from_corner ? above : corner;
  return static_cast<uint8_t>(from_left <= from_above && from_left <= from_corner ? left : other);
}

/// Adds to each byte what the same byte of the pixels to the left, above and above left predict. `count` is a multiple
/// of `kStep`, the bytes of a pixel; left of a row all is 0.
template <int kStep>
void add_prediction(int filter, const uint8_t* above, int64_t count, uint8_t* row) {
  uint8_t left[kStep] = {};
  uint8_t corner[kStep] = {};
  const auto add = [&](auto predict) {
    for (int64_t i = 0; i < count; i += kStep) {
      for (int k = 0; k < kStep; ++k) {
        left[k] = row[i + k] += predict(left[k], above[i + k], corner[k]);
        corner[k] = above[i + k];
      }
    }
  };
  if (filter == 1) add([](int a, int, int) { return a; });
  if (filter == 2) {
    for (int64_t i = 0; i < count; ++i) row[i] += above[i];
  }
  if (filter == 3) add([](int a, int b, int) { return (a + b) / 2; });
  if (filter == 4) add(paeth);
}

void add_prediction(int step, int filter, const uint8_t* above, int64_t count, uint8_t* row) {
  switch (step) {
    case 1:
      return add_prediction<1>(filter, above, count, row);
    case 2:
      return add_prediction<2>(filter, above, count, row);
    case 3:
      return add_prediction<3>(filter, above, count, row);
    case 4:
      return add_prediction<4>(filter, above, count, row);
    case 6:
      return add_prediction<6>(filter, above, count, row);
    default:
      return add_prediction<8>(filter, above, count, row);
  }
}

void convert_row(const uint8_t* row, int64_t count, const PngHeader& header, const Palette& palette, uint8_t* rgb) {
  const int bytes = header.depth / 8;
  if (header.palette_indices) {
    palette_bits_to_rgb(row, count, header.depth, palette, rgb);
  } else if (header.channels == 1 && header.depth == 16) {
    for (int64_t i = 0; i < count; ++i)
      std::fill_n(rgb + 3 * i, 3, clip_grey(int64_t{row[2 * i]} << 8 | row[2 * i + 1]));
  } else if (header.channels == 1) {
    grey_bits_to_rgb(row, count, header.depth, rgb);
  } else if (header.channels == 2) {
    pick_to_rgb(row, count, 2 * bytes, {0, 0, 0}, rgb);
  } else if (header.bits() == 24) {
    std::copy_n(row, 3 * count, rgb);
  } else {
    pick_to_rgb(row, count, header.channels * bytes, {0, bytes, 2 * bytes}, rgb);
  }
}

class Inflater {
 public:
  explicit Inflater(const EncodedImage& file) {
    if (inflateInit(&stream) != Z_OK) file.fail("no memory");
  }
  ~Inflater() { inflateEnd(&stream); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  z_stream stream{};
};

class PngDecoder {
 public:
  PngDecoder(const EncodedImage& file, PngChunks& chunks)
      : file_(file), chunks_(chunks), header_(chunks.header()), frame_(chunks.frame()), inflater_(file) {}

  Image read() {
    image_ = {header_.width, header_.height, std::vector<uint8_t>(header_.width * header_.height * 3)};
    const int64_t longest = (frame_.width * header_.bits() + 7) / 8;
    row_.resize(longest + 1);
    above_.resize(longest + 1);
    rgb_.resize(header_.interlaced ? frame_.width * 3 : 0);
    if (header_.interlaced) {
      for (const Pass& pass : kAdam7) read_pass(pass);
    } else {
      read_pass(kPlain);
    }
    // A stream that ends between two rows is taken for a whole image; what is missing stays black.
    if (rows_missing_) file_.warn_damaged("rows are missing");
    if (!chunks_.read_to_end()) file_.warn_damaged("the end chunk is missing");
    return std::move(image_);
  }

 private:
  void read_pass(const Pass& pass) {
    const int64_t width = (frame_.width - pass.left + pass.column_step - 1) / pass.column_step;
    if (width < 1) return;
    const int64_t bytes = (width * header_.bits() + 7) / 8;
    std::fill(above_.begin(), above_.end(), 0);
    for (int64_t y = pass.top; y < frame_.height; y += pass.row_step) {
      if (stream_ended_) {
        rows_missing_ = true;
        return;
      }
      inflate_row(bytes + 1);
      if (row_[0] > 4) file_.fail(fmt::format("row filter {}", row_[0]), "0 to 4");
      add_prediction((header_.bits() + 7) / 8, row_[0], above_.data() + 1, bytes, row_.data() + 1);
      place_row(pass, y, width);
      std::swap(row_, above_);
    }
  }

  void inflate_row(int64_t count) {
    z_stream& stream = inflater_.stream;
    stream.next_out = row_.data();
    stream.avail_out = static_cast<uInt>(count);
    while (stream.avail_out > 0) {
      if (stream_ended_) file_.fail_truncated();
      if (stream.avail_in == 0) {
        const std::string_view data = chunks_.pixel_data();
        if (data.empty()) file_.fail_truncated();
        stream.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(data.data()));
        stream.avail_in = static_cast<uInt>(data.size());
      }
      const int state = inflate(&stream, Z_NO_FLUSH);
      if (state < 0 || state == Z_NEED_DICT) file_.fail(stream.msg != nullptr ? stream.msg : "damaged data");
      stream_ended_ = state == Z_STREAM_END;
    }
  }

  void place_row(const Pass& pass, int64_t y, int64_t width) {
    const uint8_t* row = row_.data() + 1;
    if (!header_.interlaced) {
      uint8_t* rgb = image_.pixels.data() + ((frame_.top + y) * image_.width + frame_.left) * 3;
      return convert_row(row, width, header_, chunks_.palette(), rgb);
    }
    convert_row(row, width, header_, chunks_.palette(), rgb_.data());
    uint8_t* rgb = image_.pixels.data() + (y * image_.width + pass.left) * 3;
    for (int64_t i = 0; i < width; ++i) std::copy_n(rgb_.data() + 3 * i, 3, rgb + 3 * i * pass.column_step);
  }

  const EncodedImage& file_;
  PngChunks& chunks_;
  PngHeader header_;
  PngFrame frame_;
  Inflater inflater_;
  Image image_;
  std::vector<uint8_t> row_;    // the filter's number, then the row
  std::vector<uint8_t> above_;  // the row before, likewise
  std::vector<uint8_t> rgb_;    // a row of a pass before its pixels are spread
  bool stream_ended_ = false;
  bool rows_missing_ = false;
};

}  // namespace

bool accepts_png(std::string_view bytes) { return bytes.starts_with("\x89PNG\r\n\x1A\n"); }

Image read_png(const EncodedImage& file) {
  PngChunks chunks(file);
  chunks.read_to_pixels();
  return PngDecoder(file, chunks).read();
}

}  // namespace convllava::image
