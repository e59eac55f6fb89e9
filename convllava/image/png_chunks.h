#pragma once

// The chunks of a PNG file around its pixels, checked as Pillow checks them.

#include <cstdint>
#include <optional>
#include <string_view>

#include "convllava/image/byte_reader.h"
#include "convllava/image/decode.h"
#include "convllava/image/samples.h"

namespace convllava::image {

struct PngHeader {
  int64_t width = 0;
  int64_t height = 0;
  int depth = 0;     ///< bits of a sample
  int channels = 0;  ///< 1 grey or palette, 2 grey and alpha, 3 RGB, 4 RGB and alpha
  bool palette_indices = false;
  bool interlaced = false;

  int bits() const { return depth * channels; }  ///< of a pixel
};

/// The position of the first frame of an animation.
struct PngFrame {
  int64_t left = 0;
  int64_t top = 0;
  int64_t width = 0;
  int64_t height = 0;
};

/// Reads a file in three steps: `read_to_pixels`, `pixel_data` until it is empty or the image is complete,
/// `read_to_end`.
class PngChunks {
 public:
  explicit PngChunks(const EncodedImage& file) : file_(file), reader_(file) {}

  /// Everything before the first IDAT. Throws DataError for a wrong checksum and for values that Pillow rejects.
  void read_to_pixels();

  const PngHeader& header() const { return header_; }
  const PngFrame& frame() const { return frame_; }
  const Palette& palette() const { return palette_; }

  /// The next part of the compressed pixels, at most 64 KiB as in Pillow; empty after the last part.
  std::string_view pixel_data();

  /// The chunks after the pixels; false if the end chunk is missing. Throws DataError where Pillow raises an error.
  bool read_to_end();

 private:
  struct Chunk {
    std::string_view name;
    uint32_t length = 0;
  };

  std::optional<Chunk> next();
  void check(std::string_view name, std::string_view data);
  void check_text(std::string_view name, std::string_view data);
  void read_header(std::string_view data);
  void read_palette(std::string_view data);
  void read_frame(std::string_view data);
  void need(std::string_view name, std::string_view data, size_t least) const;
  size_t inflated_size(std::string_view name, std::string_view data) const;

  const EncodedImage& file_;
  ByteReader reader_;
  PngHeader header_;
  PngFrame frame_;
  Palette palette_{};
  bool has_frame_ = false;
  bool animated_ = false;
  uint32_t frames_ = 0;
  uint64_t sequence_ = 0;  // numbers of the next animation chunk
  uint64_t text_bytes_ = 0;
  uint64_t data_left_ = 0;  // of the current IDAT
};

}  // namespace convllava::image
