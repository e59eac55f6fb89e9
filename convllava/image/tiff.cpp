// TIFF with libtiff; the layouts of pixels that Pillow knows, and no others.

#include <fmt/format.h>
#include <tiffio.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "convllava/image/decode.h"
#include "convllava/image/tiff_layout.h"

namespace convllava::image {
namespace {

/// libtiff's last error of this thread. Its handlers belong to the process.
thread_local std::string last_error;

void keep_error(const char* /*module*/, const char* format, va_list arguments) {
  char text[512];
  std::vsnprintf(text, sizeof(text), format, arguments);
  last_error = text;
}

/// What libtiff reads from instead of a file.
struct Memory {
  std::string_view bytes;
  uint64_t position = 0;
};

tmsize_t read_memory(thandle_t handle, void* target, tmsize_t size) {
  auto& memory = *static_cast<Memory*>(handle);
  const size_t start = std::min<uint64_t>(memory.position, memory.bytes.size());
  const size_t count = memory.bytes.copy(static_cast<char*>(target), std::max<tmsize_t>(size, 0), start);
  memory.position += count;
  return static_cast<tmsize_t>(count);
}
toff_t seek_memory(thandle_t handle, toff_t offset, int from) {
  auto& memory = *static_cast<Memory*>(handle);
  const uint64_t base = from == SEEK_CUR ? memory.position : from == SEEK_END ? memory.bytes.size() : 0;
  return memory.position = base + offset;
}
toff_t memory_size(thandle_t handle) { return static_cast<Memory*>(handle)->bytes.size(); }
tmsize_t write_nothing(thandle_t, void*, tmsize_t) { return 0; }
int close_nothing(thandle_t) { return 0; }

template <typename Value>
Value field_or(TIFF* tiff, uint32_t tag, Value otherwise) {
  Value value = otherwise;
  return TIFFGetField(tiff, tag, &value) == 1 ? value : otherwise;
}

class TiffDecoder {
 public:
  explicit TiffDecoder(const EncodedImage& file) : file_(file), memory_{file.bytes} {
    static std::once_flag quiet;
    std::call_once(quiet, [] {
      TIFFSetWarningHandler(nullptr);
      TIFFSetErrorHandler(keep_error);
    });
    last_error.clear();
    // m: no mapping of memory, so that each access goes through read_memory.
    tiff_.reset(TIFFClientOpen("", "rm", &memory_, read_memory, write_nothing, seek_memory, close_nothing, memory_size,
                               nullptr, nullptr));
    if (!tiff_) fail();
  }

  Image read() {
    TIFF* tiff = tiff_.get();
    const int64_t width = field_or<uint32_t>(tiff, TIFFTAG_IMAGEWIDTH, 0);
    const int64_t height = field_or<uint32_t>(tiff, TIFFTAG_IMAGELENGTH, 0);
    file_.check_size(width, height);
    layout_ = find_tiff_layout(file_, tiff);
    image_ = {width, height, {}};
    if (layout_.by_libtiff) {
      read_as_rgba();
    } else {
      check_blocks();
      image_.pixels.resize(width * height * 3);
      samples_.resize(layout_.separate ? width * height * layout_.stored : 0);
      read_blocks();
      if (layout_.separate) {
        for (int64_t y = 0; y < height; ++y) convert_row(&samples_[y * width * layout_.stored], 0, y, width);
      }
    }
    return oriented(std::move(image_), field_or<uint16_t>(tiff, TIFFTAG_ORIENTATION, ORIENTATION_TOPLEFT));
  }

 private:
  [[noreturn]] void fail() { file_.fail(last_error.empty() ? "damaged data" : last_error); }

  /// Strips are tiles as wide as the image.
  void check_blocks() {
    TIFF* tiff = tiff_.get();
    tiled_ = TIFFIsTiled(tiff) != 0;
    block_width_ = image_.width;
    block_height_ = std::min<int64_t>(field_or<uint32_t>(tiff, TIFFTAG_ROWSPERSTRIP, UINT32_MAX), image_.height);
    if (tiled_) {
      block_width_ = field_or<uint32_t>(tiff, TIFFTAG_TILEWIDTH, 0);
      block_height_ = field_or<uint32_t>(tiff, TIFFTAG_TILELENGTH, 0);
    }
    file_.check_size(block_width_, block_height_);
    const int64_t samples = block_width_ * (layout_.separate ? 1 : layout_.stored);
    row_bytes_ = tiled_ ? TIFFTileRowSize(tiff) : TIFFScanlineSize(tiff);
    block_bytes_ = tiled_ ? TIFFTileSize(tiff) : TIFFStripSize(tiff);
    if (row_bytes_ != (samples * layout_.bits + 7) / 8 || block_bytes_ != row_bytes_ * block_height_) {
      file_.fail(fmt::format("rows of {} bytes in blocks of {}", row_bytes_, block_bytes_));
    }
  }

  void read_blocks() {
    std::vector<uint8_t> block(block_bytes_);
    for (int plane = 0; plane < (layout_.separate ? layout_.used : 1); ++plane) {
      for (int64_t y = 0; y < image_.height; y += block_height_) {
        for (int64_t x = 0; x < image_.width; x += block_width_) {
          read_block(x, y, plane, block);
          const int64_t columns = std::min(block_width_, image_.width - x);
          for (int64_t row = 0; row < std::min(block_height_, image_.height - y); ++row) {
            const uint8_t* samples = block.data() + row * row_bytes_;
            if (layout_.separate) {
              gather_samples(samples, x, y + row, columns, plane);
            } else {
              convert_row(samples, x, y + row, columns);
            }
          }
        }
      }
    }
  }

  void read_block(int64_t x, int64_t y, int plane, std::vector<uint8_t>& block) {
    const auto column = static_cast<uint32_t>(x);
    const auto row = static_cast<uint32_t>(y);
    const auto sample = static_cast<uint16_t>(plane);
    const tmsize_t read = tiled_ ? TIFFReadTile(tiff_.get(), block.data(), column, row, 0, sample)
                                 : TIFFReadEncodedStrip(tiff_.get(), TIFFComputeStrip(tiff_.get(), row, sample),
                                                        block.data(), block_bytes_);
    if (read == -1) fail();
  }

  /// A plane's samples, cut to 8 bits, between those of the other planes.
  void gather_samples(const uint8_t* samples, int64_t x, int64_t y, int64_t columns, int plane) {
    uint8_t* target = &samples_[(y * image_.width + x) * layout_.stored + plane];
    const int bytes = layout_.bits / 8;
    for (int64_t i = 0; i < columns; ++i) target[i * layout_.stored] = samples[(i + 1) * bytes - 1];
  }

  void convert_row(const uint8_t* samples, int64_t x, int64_t y, int64_t columns) {
    tiff_row_to_rgb(layout_, samples, columns, &image_.pixels[(y * image_.width + x) * 3]);
  }

  /// libtiff's own conversion, for subsampled colour differences.
  void read_as_rgba() {
    char reason[1024] = "";
    TIFFRGBAImage reader;
    if (!TIFFRGBAImageOK(tiff_.get(), reason) || !TIFFRGBAImageBegin(&reader, tiff_.get(), 0, reason)) {
      file_.fail(reason);
    }
    const std::unique_ptr<TIFFRGBAImage, void (*)(TIFFRGBAImage*)> end(&reader, TIFFRGBAImageEnd);
    reader.orientation = ORIENTATION_TOPLEFT;
    reader.req_orientation = ORIENTATION_TOPLEFT;
    std::vector<uint32_t> rgba(image_.width * image_.height);
    const auto width = static_cast<uint32_t>(image_.width);
    const auto height = static_cast<uint32_t>(image_.height);
    if (!TIFFRGBAImageGet(&reader, rgba.data(), width, height)) fail();
    image_.pixels.resize(rgba.size() * 3);
    for (size_t i = 0; i < rgba.size(); ++i) {
      image_.pixels[3 * i] = TIFFGetR(rgba[i]);
      image_.pixels[3 * i + 1] = TIFFGetG(rgba[i]);
      image_.pixels[3 * i + 2] = TIFFGetB(rgba[i]);
    }
  }

  const EncodedImage& file_;
  Memory memory_;
  std::unique_ptr<TIFF, void (*)(TIFF*)> tiff_{nullptr, TIFFClose};
  TiffLayout layout_;
  Image image_;
  std::vector<uint8_t> samples_;  // of separate planes
  bool tiled_ = false;
  int64_t block_width_ = 0;
  int64_t block_height_ = 0;
  tmsize_t row_bytes_ = 0;
  tmsize_t block_bytes_ = 0;
};

}  // namespace

bool accepts_tiff(std::string_view bytes) {
  using std::string_view_literals::operator""sv;
  return bytes.starts_with("II\x2A\0"sv) || bytes.starts_with("MM\0\x2A"sv) || bytes.starts_with("II\x2B\0"sv) ||
         bytes.starts_with("MM\0\x2B"sv);
}

Image read_tiff(const EncodedImage& file) { return TiffDecoder(file).read(); }

}  // namespace convllava::image
