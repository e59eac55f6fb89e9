// Windows and OS/2 bitmaps. No library reads these as Pillow does; this file follows the checks of Pillow.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "convllava/image/byte_reader.h"
#include "convllava/image/decode.h"
#include "convllava/image/samples.h"

namespace convllava::image {
namespace {

enum Compression : uint32_t { kRaw = 0, kRle8 = 1, kRle4 = 2, kBitFields = 3 };

struct Header {
  uint32_t size = 0;
  int64_t width = 0;
  int64_t height = 0;
  bool top_down = false;
  uint32_t bits = 0;
  uint32_t compression = kRaw;
  uint32_t colors = 0;  // in the palette
  size_t color_bytes = 4;
  std::array<uint32_t, 4> masks{};  // red, green, blue, alpha
};

/// How pixels lie in a row: palette indices or grey of `bits`, or the shifts and widths of three fields.
struct Layout {
  int bits = 0;
  bool grey = false;
  std::array<int, 3> bytes{};   // of 24 and 32 bits: where red, green and blue are
  std::array<int, 3> widths{};  // of 16 bits: how many bits red, green and blue have
};

Header read_header(const EncodedImage& file, ByteReader& reader) {
  Header header;
  header.size = static_cast<uint32_t>(little_endian(reader.take(4)));
  constexpr uint32_t kSizes[] = {12, 40, 52, 56, 64, 108, 124};
  if (std::find(std::begin(kSizes), std::end(kSizes), header.size) == std::end(kSizes)) {
    file.fail(fmt::format("a header of {} bytes", header.size), "12, 40, 52, 56, 64, 108 or 124");
  }
  const std::string_view fields = reader.take(header.size - 4);
  const auto number = [&](size_t at, size_t count) {
    return static_cast<uint32_t>(little_endian(fields.substr(at, count)));
  };
  if (header.size == 12) {
    header.width = number(0, 2);
    header.height = number(2, 2);
    header.bits = number(6, 2);
    header.color_bytes = 3;
  } else {
    header.top_down = static_cast<uint8_t>(fields[7]) == 0xFF;
    header.width = number(0, 4);
    header.height = header.top_down ? (int64_t{1} << 32) - number(4, 4) : number(4, 4);
    header.bits = number(10, 2);
    header.compression = number(12, 4);
    header.colors = number(28, 4);
  }
  if (header.compression == kBitFields) {
    for (size_t i = 0; i < 4; ++i) {
      if (header.size >= 52 && (i < 3 || header.size >= 56)) {
        header.masks[i] = number(36 + 4 * i, 4);
      } else if (header.size < 52 && i < 3) {
        header.masks[i] = static_cast<uint32_t>(little_endian(reader.take(4)));
      }
    }
  }
  if (header.colors == 0 && header.bits <= 32) header.colors = static_cast<uint32_t>(uint64_t{1} << header.bits);
  return header;
}

/// Where red, green and blue are in the bytes of a pixel. Pillow knows these masks and no others.
std::array<int, 3> mask_bytes(const EncodedImage& file, const Header& header) {
  struct Known {
    uint32_t bits;
    std::array<uint32_t, 4> masks;
    std::array<int, 3> bytes;
  };
  constexpr Known kKnown[] = {
      {32, {0xFF0000, 0xFF00, 0xFF, 0}, {2, 1, 0}},          {32, {0xFF000000, 0xFF0000, 0xFF00, 0}, {3, 2, 1}},
      {32, {0xFF000000, 0xFF00, 0xFF, 0}, {3, 1, 0}},        {32, {0xFF000000, 0xFF0000, 0xFF00, 0xFF}, {3, 2, 1}},
      {32, {0xFF, 0xFF00, 0xFF0000, 0xFF000000}, {0, 1, 2}}, {32, {0xFF0000, 0xFF00, 0xFF, 0xFF000000}, {2, 1, 0}},
      {32, {0xFF000000, 0xFF00, 0xFF, 0xFF0000}, {3, 1, 0}}, {32, {0, 0, 0, 0}, {2, 1, 0}},
      {24, {0xFF0000, 0xFF00, 0xFF, 0}, {2, 1, 0}},
  };
  for (const Known& known : kKnown) {
    const bool same_alpha = header.bits != 32 || known.masks[3] == header.masks[3];
    if (known.bits == header.bits && same_alpha &&
        std::equal(known.masks.begin(), known.masks.begin() + 3, header.masks.begin())) {
      return known.bytes;
    }
  }
  file.fail(fmt::format("{} bits with the masks {:#x}, {:#x}, {:#x} and {:#x}", header.bits, header.masks[0],
                        header.masks[1], header.masks[2], header.masks[3]),
            "masks that Pillow knows");
}

Layout find_layout(const EncodedImage& file, const Header& header) {
  constexpr uint32_t kBits[] = {1, 4, 8, 16, 24, 32};
  if (std::find(std::begin(kBits), std::end(kBits), header.bits) == std::end(kBits)) {
    file.fail(fmt::format("{} bits a pixel", header.bits), "1, 4, 8, 16, 24 or 32");
  }
  if (header.compression > kBitFields) file.fail(fmt::format("compression {}", header.compression), "0 to 3");
  Layout layout{.bits = static_cast<int>(header.bits), .bytes = {2, 1, 0}, .widths = {5, 5, 5}};
  if (header.compression != kBitFields) return layout;
  if (header.bits == 16 && header.masks[0] == 0xF800 && header.masks[1] == 0x7E0 && header.masks[2] == 0x1F) {
    layout.widths = {5, 6, 5};
  } else if (header.bits != 16 || header.masks[0] != 0x7C00 || header.masks[1] != 0x3E0 || header.masks[2] != 0x1F) {
    layout.bytes = mask_bytes(file, header);
  }
  return layout;
}

/// A palette that only counts from black up is none: Pillow then takes the samples themselves as grey, in a depth that
/// follows from the number of colours alone.
Palette read_palette(const EncodedImage& file, const Header& header, ByteReader& reader, Layout& layout) {
  if (header.colors < 1 || header.colors > 65536) file.fail(fmt::format("a palette of {} colours", header.colors));
  const std::string_view entries = reader.take_at_most(header.color_bytes * header.colors);
  Palette palette{};
  layout.grey = true;
  for (size_t i = 0; i < header.colors; ++i) {
    const std::string_view bgr = entries.substr(std::min(i * header.color_bytes, entries.size()), 3);
    const size_t level = header.colors == 2 ? i * 255 : i;
    layout.grey = layout.grey && bgr == std::string(3, static_cast<char>(level));
    if (i < 256 && bgr.size() == 3) {
      for (size_t channel = 0; channel < 3; ++channel) palette[i][channel] = static_cast<uint8_t>(bgr[2 - channel]);
    }
  }
  if (layout.grey) {
    layout.bits = header.colors <= 2 ? 1 : 8;
  } else if (entries.size() / header.color_bytes > 256) {
    file.fail(fmt::format("a palette of {} colours", header.colors), "at most 256");
  }
  return palette;
}

void convert_row(const uint8_t* row, int64_t width, const Layout& layout, const Palette& palette, uint8_t* rgb) {
  if (layout.bits <= 8) {
    if (layout.grey) return grey_bits_to_rgb(row, width, layout.bits, rgb);
    return palette_bits_to_rgb(row, width, layout.bits, palette, rgb);
  }
  if (layout.bits != 16) return pick_to_rgb(row, width, layout.bits / 8, layout.bytes, rgb);
  for (int64_t x = 0; x < width; ++x, rgb += 3) {
    const int pixel = row[2 * x] | row[2 * x + 1] << 8;
    int shift = 0;
    for (int channel = 2; channel >= 0; --channel) {
      const int most = (1 << layout.widths[channel]) - 1;
      rgb[channel] = static_cast<uint8_t>((pixel >> shift & most) * 255 / most);
      shift += layout.widths[channel];
    }
  }
}

/// Run-length coded indices, one byte each, in the order of the file. A run is cut at the end of its row.
class RunExpander {
 public:
  RunExpander(const Header& header, ByteReader& reader)
      : reader_(reader),
        four_bits_(header.compression == kRle4),
        width_(header.width),
        wanted_(header.width * header.height) {}

  std::vector<uint8_t> expand() {
    indices_.reserve(wanted_);
    bool more = true;
    while (more && indices_.size() < wanted_ && reader_.left() >= 2) {
      const size_t count = reader_.byte();
      const uint8_t value = reader_.byte();
      more = count > 0 ? add_run(count, value) : add_special(value);
    }
    return std::move(indices_);
  }

 private:
  bool add_run(size_t count, uint8_t value) {
    count = std::min(count, width_ - std::min(x_, width_));
    for (size_t i = 0; i < count; ++i) {
      indices_.push_back(!four_bits_ ? value : i % 2 == 0 ? value >> 4 : value & 15);
    }
    x_ += count;
    return true;
  }

  /// The end of a row or the image, a jump, or indices without a run.
  bool add_special(uint8_t kind) {
    const size_t missing = wanted_ - indices_.size();
    if (kind == 0) {
      indices_.resize((indices_.size() + width_ - 1) / width_ * width_);
      x_ = 0;
    } else if (kind == 2) {
      if (reader_.left() < 2) return false;
      const size_t right = reader_.byte();
      const size_t up = reader_.byte();
      indices_.resize(indices_.size() + std::min(missing, right + up * width_));
      x_ = indices_.size() % width_;
    } else if (kind > 2) {
      return add_literal(kind, std::min<size_t>(missing, kind));
    }
    return kind != 1;
  }

  bool add_literal(size_t stored, size_t count) {
    const size_t bytes = four_bits_ ? (count + 1) / 2 : count;
    const std::string_view literal = reader_.take_at_most(bytes);
    for (size_t i = 0; i < count && i / (four_bits_ ? 2 : 1) < literal.size(); ++i) {
      const auto byte = static_cast<uint8_t>(literal[four_bits_ ? i / 2 : i]);
      indices_.push_back(!four_bits_ ? byte : i % 2 == 0 ? byte >> 4 : byte & 15);
    }
    if (literal.size() < bytes) return false;
    x_ += stored;
    if (reader_.position() % 2 != 0) reader_.take_at_most(1);
    return true;
  }

  ByteReader& reader_;
  bool four_bits_;
  size_t width_;
  size_t wanted_;
  size_t x_ = 0;
  std::vector<uint8_t> indices_;
};

}  // namespace

bool accepts_bmp(std::string_view bytes) { return bytes.starts_with("BM"); }

Image read_bmp(const EncodedImage& file) {
  ByteReader reader(file);
  uint64_t pixels_at = little_endian(reader.take(14).substr(10));
  const Header header = read_header(file, reader);
  if (header.bits <= 8 && pixels_at == 14 + header.size) pixels_at += header.color_bytes * header.colors;
  Layout layout = find_layout(file, header);
  Palette palette{};
  if (header.bits <= 8) palette = read_palette(file, header, reader, layout);
  file.check_size(header.width, header.height);
  if (pixels_at != 0) reader.seek(pixels_at);

  std::vector<uint8_t> indices;
  int64_t stride = (header.width * header.bits + 31) / 32 * 4;
  const int64_t row_bytes = (header.width * layout.bits + 7) / 8;
  const auto* rows = reinterpret_cast<const uint8_t*>(file.bytes.data() + reader.position());
  if (header.compression == kRle8 || header.compression == kRle4) {
    if (layout.bits > 8) file.fail(fmt::format("run lengths with {} bits a pixel", header.bits), "a palette");
    stride = header.width;
    indices = RunExpander(header, reader).expand();
    if (layout.grey && layout.bits == 1) {
      for (uint8_t& index : indices) index = index == 0 ? 0 : 255;
    }
    layout.bits = 8;
    if (static_cast<int64_t>(indices.size()) < header.width * header.height) file.fail_truncated();
    rows = indices.data();
  } else if (row_bytes > stride) {
    file.fail(fmt::format("{} colours with {} bits a pixel", header.colors, header.bits));
  } else if (static_cast<int64_t>(reader.left()) < stride * (header.height - 1) + row_bytes) {
    file.fail_truncated();
  } else if (static_cast<int64_t>(reader.left()) < stride * header.height) {
    file.warn_damaged("the padding of the last row is missing");
  }
  Image image{header.width, header.height, std::vector<uint8_t>(header.width * header.height * 3)};
  for (int64_t y = 0; y < image.height; ++y) {
    const int64_t target = header.top_down ? y : image.height - 1 - y;
    convert_row(rows + y * stride, image.width, layout, palette, image.pixels.data() + target * image.width * 3);
  }
  return image;
}

}  // namespace convllava::image
