// The first frame of a GIF image. Own code: giflib demands the end of a frame's data, of which Pillow needs no more
// than the last pixel.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "convllava/image/byte_reader.h"
#include "convllava/image/decode.h"
#include "convllava/image/samples.h"

namespace convllava::image {
namespace {

/// Colours of a frame; none where they only count from black up, which Pillow takes for grey.
using Colors = std::optional<Palette>;

struct Frame {
  int64_t left = 0, top = 0, width = 0, height = 0;
  bool interlaced = false;
  uint8_t transparent = 0;  // what the image is filled with before
  int minimum_bits = 0;     // of a code
};

/// Codes of growing width out of blocks of at most 255 bytes.
class CodeReader {
 public:
  explicit CodeReader(ByteReader& reader) : reader_(reader) {}

  int next(int bits) {
    while (held_bits_ < bits) {
      while (block_.empty()) block_ = reader_.take(reader_.byte());  // an empty block is no end for Pillow
      held_ |= uint32_t{static_cast<uint8_t>(block_[0])} << held_bits_;
      held_bits_ += 8;
      block_.remove_prefix(1);
    }
    const auto code = static_cast<int>(held_ & ((1U << bits) - 1));
    held_ >>= bits;
    held_bits_ -= bits;
    return code;
  }

 private:
  ByteReader& reader_;
  std::string_view block_;
  uint32_t held_ = 0;
  int held_bits_ = 0;
};

/// The rows of a frame in the order in which they are stored.
std::vector<int64_t> row_order(const Frame& frame) {
  std::vector<int64_t> order;
  if (!frame.interlaced) {
    for (int64_t y = 0; y < frame.height; ++y) order.push_back(y);
    return order;
  }
  constexpr std::array<std::array<int64_t, 2>, 4> kPasses = {{{0, 8}, {4, 8}, {2, 4}, {1, 2}}};
  for (const auto& [first, step] : kPasses) {
    for (int64_t y = first; y < frame.height; y += step) order.push_back(y);
  }
  return order;
}

/// LZW. A word is one byte longer than the word of an earlier code.
class Expander {
 public:
  Expander(const EncodedImage& file, ByteReader& reader, int minimum_bits)
      : file_(file), codes_(reader), minimum_bits_(minimum_bits), clear_(1 << minimum_bits), bits_(minimum_bits + 1) {}

  /// Appends the next word to `indices`. Throws DataError at the end code: pixels are missing then.
  void append_word(std::vector<uint8_t>& indices) {
    int code = codes_.next(bits_);
    while (code == clear_) {
      bits_ = minimum_bits_ + 1;
      next_ = clear_ + 2;
      previous_ = -1;
      code = codes_.next(bits_);
    }
    if (code == clear_ + 1) file_.fail_truncated();
    const bool first = previous_ < 0;
    if (first ? code > clear_ : code > next_) file_.fail("damaged data");
    word_.clear();
    int prefix = code;
    if (!first && code == next_) {  // the word before and its own first byte
      word_.push_back(first_byte_);
      prefix = previous_;
    }
    while (prefix >= clear_) {
      if (prefix >= kCodes || word_.size() >= kCodes) file_.fail("damaged data");
      word_.push_back(last_byte_[prefix]);
      prefix = prefix_[prefix];
    }
    first_byte_ = static_cast<uint8_t>(prefix);
    word_.push_back(first_byte_);
    if (!first) add_word();
    previous_ = code;
    indices.insert(indices.end(), word_.rbegin(), word_.rend());
  }

 private:
  static constexpr int kMostBits = 12;
  static constexpr int kCodes = 1 << kMostBits;

  void add_word() {
    if (next_ >= kCodes) return;
    prefix_[next_] = previous_;
    last_byte_[next_] = first_byte_;
    if (next_ == (1 << bits_) - 1 && bits_ < kMostBits) ++bits_;
    ++next_;
  }

  const EncodedImage& file_;
  CodeReader codes_;
  int minimum_bits_;
  int clear_;
  int bits_;
  int next_ = clear_ + 2;
  int previous_ = -1;
  uint8_t first_byte_ = 0;
  std::array<int, kCodes> prefix_{};
  std::array<uint8_t, kCodes> last_byte_{};
  std::vector<uint8_t> word_;  // last byte first
};

Colors read_palette(ByteReader& reader, int bits) {
  const std::string_view entries = reader.take_at_most(3 << bits);
  Palette palette{};
  bool counts = true;
  for (size_t i = 0; i < entries.size(); ++i) {
    const auto value = static_cast<uint8_t>(entries[i]);
    palette[i / 3][i % 3] = value;
    counts = counts && value == i / 3;
  }
  return counts ? std::nullopt : Colors(palette);
}

/// An extension's blocks up to the empty one; the first of them. Of an extension that begins with the empty block,
/// Pillow skips what follows too, but not of a comment.
std::string_view read_blocks(ByteReader& reader, uint8_t label) {
  constexpr uint8_t kComment = 254;
  const auto block = [&] {
    const std::string_view size = reader.take_at_most(1);
    return reader.take_at_most(size.empty() ? 0 : static_cast<uint8_t>(size[0]));
  };
  const std::string_view first = block();
  if (!first.empty() || label != kComment) {
    while (!block().empty()) {
    }
  }
  return first;
}

/// Steps over extensions to the first frame.
Frame find_frame(const EncodedImage& file, ByteReader& reader, Colors& colors) {
  constexpr uint8_t kGraphicControl = 249;
  Frame frame;
  while (reader.left() > 0) {
    const uint8_t kind = reader.byte();
    if (kind == ';') break;
    if (kind == '!') {
      const uint8_t label = reader.byte();
      const std::string_view block = read_blocks(reader, label);
      if (label != kGraphicControl || block.empty()) continue;
      if (block.size() < 3) file.fail_truncated();
      if ((block[0] & 1) != 0 && block.size() < 4) file.fail_truncated();
      if ((block[0] & 1) != 0) frame.transparent = static_cast<uint8_t>(block[3]);
    } else if (kind == ',') {
      const std::string_view place = reader.take(9);
      const auto number = [&](size_t at) { return static_cast<int64_t>(little_endian(place.substr(at, 2))); };
      frame.left = number(0);
      frame.top = number(2);
      frame.width = number(4);
      frame.height = number(6);
      const auto flags = static_cast<uint8_t>(place[8]);
      frame.interlaced = (flags & 64) != 0;
      if ((flags & 128) != 0) {
        // Pillow paints a frame whose own palette is grey with the image's palette.
        if (const Colors own = read_palette(reader, (flags & 7) + 1)) colors = own;
      }
      frame.minimum_bits = reader.byte();
      return frame;
    }
  }
  file.fail("no frame");
}

}  // namespace

bool accepts_gif(std::string_view bytes) { return bytes.starts_with("GIF87a") || bytes.starts_with("GIF89a"); }

Image read_gif(const EncodedImage& file) {
  ByteReader reader(file);
  const std::string_view screen = reader.take(13);
  Image image{static_cast<int64_t>(little_endian(screen.substr(6, 2))),
              static_cast<int64_t>(little_endian(screen.substr(8, 2))),
              {}};
  const auto flags = static_cast<uint8_t>(screen[10]);
  Colors colors;
  if ((flags & 128) != 0) colors = read_palette(reader, (flags & 7) + 1);
  const Frame frame = find_frame(file, reader, colors);
  if (frame.minimum_bits > 12) file.fail(fmt::format("codes of {} bits", frame.minimum_bits), "at most 12");
  if (frame.width < 1 || frame.height < 1) file.fail(fmt::format("a frame of {}x{}", frame.width, frame.height));
  image.width = std::max(image.width, frame.left + frame.width);
  image.height = std::max(image.height, frame.top + frame.height);
  file.check_size(image.width, image.height);

  Palette palette;
  for (size_t i = 0; i < palette.size(); ++i) palette[i].fill(static_cast<uint8_t>(i));
  if (colors) palette = *colors;
  image.pixels.resize(image.width * image.height * 3);
  const bool covered = frame.width == image.width && frame.height == image.height;
  for (size_t i = 0; !covered && i < image.pixels.size(); i += 3) {
    std::copy_n(palette[frame.transparent].data(), 3, &image.pixels[i]);
  }
  Expander expander(file, reader, frame.minimum_bits);
  std::vector<uint8_t> indices;
  for (const int64_t y : row_order(frame)) {
    while (static_cast<int64_t>(indices.size()) < frame.width) expander.append_word(indices);
    uint8_t* row = image.pixels.data() + ((frame.top + y) * image.width + frame.left) * 3;
    palette_bits_to_rgb(indices.data(), frame.width, 8, palette, row);
    indices.erase(indices.begin(), indices.begin() + frame.width);
  }
  return image;
}

}  // namespace convllava::image
