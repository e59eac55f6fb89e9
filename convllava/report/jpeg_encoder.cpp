#include "convllava/report/jpeg_encoder.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <string_view>

namespace convllava::report {
namespace {

constexpr int kSide = 8;
constexpr int kBlock = kSide * kSide;

/// Position in the block of the k-th coefficient.
constexpr std::array<uint8_t, kBlock> kZigzag = {0,  1,  8,  16, 9,  2,  3,  10, 17, 24, 32, 25, 18, 11, 4,  5,
                                                 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6,  7,  14, 21, 28,
                                                 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
                                                 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63};

// Tables K.1 and K.2 (luminance, chrominance), row by row.
constexpr std::array<std::array<uint8_t, kBlock>, 2> kQuantization = {{
    {16, 11,  10,  16, 24, 40, 51, 61, 12,  12,  14,  19,  26, 58, 60, 55,  14,  13,  16,  24, 40, 57,
     69, 56,  14,  17, 22, 29, 51, 87, 80,  62,  18,  22,  37, 56, 68, 109, 103, 77,  24,  35, 55, 64,
     81, 104, 113, 92, 49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98,  112, 100, 103, 99},
    {17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99,
     99, 99, 47, 66, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
     99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99},
}};
constexpr int kScale = 30;  // per cent of the tables: libjpeg's quality 85

/// Numbers of codes of length 1 to 16, and the symbols in the order of their codes (tables K.3 to K.6).
struct HuffmanSpec {
  std::array<uint8_t, 16> counts;
  std::string_view symbols;
};

constexpr std::string_view kDcSymbols("\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b", 12);
constexpr std::string_view kAcLuminance(
    "\x01\x02\x03\x00\x04\x11\x05\x12\x21\x31\x41\x06\x13\x51\x61\x07\x22\x71\x14\x32\x81\x91\xa1\x08\x23\x42\xb1\xc1"
    "\x15\x52\xd1\xf0\x24\x33\x62\x72\x82\x09\x0a\x16\x17\x18\x19\x1a\x25\x26\x27\x28\x29\x2a\x34\x35\x36\x37\x38\x39"
    "\x3a\x43\x44\x45\x46\x47\x48\x49\x4a\x53\x54\x55\x56\x57\x58\x59\x5a\x63\x64\x65\x66\x67\x68\x69\x6a\x73\x74\x75"
    "\x76\x77\x78\x79\x7a\x83\x84\x85\x86\x87\x88\x89\x8a\x92\x93\x94\x95\x96\x97\x98\x99\x9a\xa2\xa3\xa4\xa5\xa6\xa7"
    "\xa8\xa9\xaa\xb2\xb3\xb4\xb5\xb6\xb7\xb8\xb9\xba\xc2\xc3\xc4\xc5\xc6\xc7\xc8\xc9\xca\xd2\xd3\xd4\xd5\xd6\xd7\xd8"
    "\xd9\xda\xe1\xe2\xe3\xe4\xe5\xe6\xe7\xe8\xe9\xea\xf1\xf2\xf3\xf4\xf5\xf6\xf7\xf8\xf9\xfa",
    162);
constexpr std::string_view kAcChrominance(
    "\x00\x01\x02\x03\x11\x04\x05\x21\x31\x06\x12\x41\x51\x07\x61\x71\x13\x22\x32\x81\x08\x14\x42\x91\xa1\xb1\xc1\x09"
    "\x23\x33\x52\xf0\x15\x62\x72\xd1\x0a\x16\x24\x34\xe1\x25\xf1\x17\x18\x19\x1a\x26\x27\x28\x29\x2a\x35\x36\x37\x38"
    "\x39\x3a\x43\x44\x45\x46\x47\x48\x49\x4a\x53\x54\x55\x56\x57\x58\x59\x5a\x63\x64\x65\x66\x67\x68\x69\x6a\x73\x74"
    "\x75\x76\x77\x78\x79\x7a\x82\x83\x84\x85\x86\x87\x88\x89\x8a\x92\x93\x94\x95\x96\x97\x98\x99\x9a\xa2\xa3\xa4\xa5"
    "\xa6\xa7\xa8\xa9\xaa\xb2\xb3\xb4\xb5\xb6\xb7\xb8\xb9\xba\xc2\xc3\xc4\xc5\xc6\xc7\xc8\xc9\xca\xd2\xd3\xd4\xd5\xd6"
    "\xd7\xd8\xd9\xda\xe2\xe3\xe4\xe5\xe6\xe7\xe8\xe9\xea\xf2\xf3\xf4\xf5\xf6\xf7\xf8\xf9\xfa",
    162);

constexpr std::array<HuffmanSpec, 2> kDc = {
    {{{0, 1, 5, 1, 1, 1, 1, 1, 1}, kDcSymbols}, {{0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1}, kDcSymbols}}};
constexpr std::array<HuffmanSpec, 2> kAc = {{{{0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 0x7d}, kAcLuminance},
                                             {{0, 2, 1, 2, 4, 4, 3, 4, 7, 5, 4, 4, 0, 1, 2, 0x77}, kAcChrominance}}};

struct Code {
  uint32_t bits = 0;
  int length = 0;
};
using CodeTable = std::array<Code, 256>;

CodeTable code_table(const HuffmanSpec& spec) {
  CodeTable table;
  uint32_t code = 0;
  size_t next = 0;
  for (int length = 1; length <= 16; ++length, code <<= 1) {
    for (int i = 0; i < spec.counts[length - 1]; ++i)
      table[static_cast<uint8_t>(spec.symbols[next++])] = {code++, length};
  }
  return table;
}

int divisor(int table, int position) {
  return std::clamp((kQuantization[table][position] * kScale + 50) / 100, 1, 255);
}

class Writer {
 public:
  void bytes(std::string_view bytes) { file_ += bytes; }
  void byte(int value) { file_ += static_cast<char>(value); }
  void word(int value) {
    byte(value >> 8);
    byte(value & 0xFF);
  }
  void segment(int marker, int payload) {
    byte(0xFF);
    byte(marker);
    word(payload + 2);
  }

  void bits(uint32_t value, int length) {
    held_ = held_ << length | (value & ((uint64_t{1} << length) - 1));
    for (count_ += length; count_ >= 8; count_ -= 8) {
      const int out = static_cast<int>(held_ >> (count_ - 8) & 0xFF);
      byte(out);
      if (out == 0xFF) byte(0);
    }
  }
  void flush() { bits(0x7F, 7); }
  std::string take() { return std::move(file_); }

 private:
  std::string file_;
  uint64_t held_ = 0;
  int count_ = 0;
};

void write_headers(Writer& file, int width, int height) {
  file.bytes("\xFF\xD8");
  file.segment(0xE0, 14);  // JFIF 1.1, square pixels
  file.bytes({"JFIF\0\1\1\0\0\1\0\1\0\0", 14});
  for (int table = 0; table < 2; ++table) {
    file.segment(0xDB, 1 + kBlock);
    file.byte(table);
    for (const auto position : kZigzag) file.byte(divisor(table, position));
  }
  file.segment(0xC0, 6 + 3 * 3);
  file.byte(8);
  file.word(height);
  file.word(width);
  file.byte(3);
  for (int component = 0; component < 3; ++component) {
    file.bytes({component == 0 ? "\1\x11\0" : component == 1 ? "\2\x11\1" : "\3\x11\1", 3});
  }
  for (int table = 0; table < 2; ++table) {
    for (int kind = 0; kind < 2; ++kind) {
      const auto& spec = kind == 0 ? kDc[table] : kAc[table];
      file.segment(0xC4, static_cast<int>(17 + spec.symbols.size()));
      file.byte(kind << 4 | table);
      for (const auto count : spec.counts) file.byte(count);
      file.bytes(spec.symbols);
    }
  }
  file.segment(0xDA, 10);
  file.bytes({"\3\1\0\2\x11\3\x11\0\x3F\0", 10});
}

using Block = std::array<float, kBlock>;

/// Y, Cb and Cr of 8 x 8 pixels, around 0; beyond the image its edge goes on.
std::array<Block, 3> load_block(const image::Image& image, int64_t left, int64_t top) {
  std::array<Block, 3> block;
  for (int i = 0; i < kBlock; ++i) {
    const int64_t x = std::min(left + i % kSide, image.width - 1);
    const int64_t y = std::min(top + i / kSide, image.height - 1);
    const uint8_t* pixel = image.pixels.data() + (y * image.width + x) * 3;
    const float r = pixel[0], g = pixel[1], b = pixel[2];
    block[0][i] = 0.299F * r + 0.587F * g + 0.114F * b - 128;
    block[1][i] = -0.168736F * r - 0.331264F * g + 0.5F * b;
    block[2][i] = 0.5F * r - 0.418688F * g - 0.081312F * b;
  }
  return block;
}

/// The two-dimensional DCT-II with T.81's scaling, rows first.
Block transform(const Block& pixels) {
  static const auto cosines = [] {
    Block table;
    for (int k = 0; k < kSide; ++k) {
      const double scale = k == 0 ? std::sqrt(0.125) : 0.5;
      for (int x = 0; x < kSide; ++x) {
        table[k * kSide + x] = static_cast<float>(scale * std::cos((2 * x + 1) * k * std::numbers::pi / 16));
      }
    }
    return table;
  }();
  Block rows{}, result{};
  for (int y = 0; y < kSide; ++y) {
    for (int k = 0; k < kSide; ++k) {
      for (int x = 0; x < kSide; ++x) rows[y * kSide + k] += cosines[k * kSide + x] * pixels[y * kSide + x];
    }
  }
  for (int k = 0; k < kSide; ++k) {
    for (int y = 0; y < kSide; ++y) {
      for (int x = 0; x < kSide; ++x) result[k * kSide + x] += cosines[k * kSide + y] * rows[y * kSide + x];
    }
  }
  return result;
}

/// Number of bits of |value|: the "category" that is Huffman coded; the bits themselves follow.
int category(int value) { return std::bit_width(static_cast<unsigned>(std::abs(value))); }

void write_value(Writer& file, int value) {
  const int length = category(value);
  file.bits(static_cast<uint32_t>(value < 0 ? value - 1 : value), length);
}

void write_block(Writer& file, const Block& coefficients, int table, const CodeTable& dc, const CodeTable& ac,
                 int& last_dc) {
  std::array<int, kBlock> values;
  for (int k = 0; k < kBlock; ++k) {
    values[k] =
        static_cast<int>(std::lround(coefficients[kZigzag[k]] / static_cast<float>(divisor(table, kZigzag[k]))));
  }
  const auto put = [&file](const Code& code) { file.bits(code.bits, code.length); };
  const int difference = values[0] - last_dc;
  last_dc = values[0];
  put(dc[category(difference)]);
  write_value(file, difference);
  int zeros = 0;
  for (int k = 1; k < kBlock; ++k) {
    if (values[k] == 0) {
      ++zeros;
      continue;
    }
    for (; zeros >= 16; zeros -= 16) put(ac[0xF0]);
    put(ac[zeros << 4 | category(values[k])]);
    write_value(file, values[k]);
    zeros = 0;
  }
  if (zeros > 0) put(ac[0]);
}

}  // namespace

std::string encode_jpeg(const image::Image& image) {
  static const std::array<CodeTable, 2> dc = {code_table(kDc[0]), code_table(kDc[1])};
  static const std::array<CodeTable, 2> ac = {code_table(kAc[0]), code_table(kAc[1])};
  Writer file;
  write_headers(file, static_cast<int>(image.width), static_cast<int>(image.height));
  std::array<int, 3> last_dc{};
  for (int64_t top = 0; top < image.height; top += kSide) {
    for (int64_t left = 0; left < image.width; left += kSide) {
      const auto block = load_block(image, left, top);
      for (int component = 0; component < 3; ++component) {
        const int table = component == 0 ? 0 : 1;
        write_block(file, transform(block[component]), table, dc[table], ac[table], last_dc[component]);
      }
    }
  }
  file.flush();
  file.bytes("\xFF\xD9");
  return file.take();
}

}  // namespace convllava::report
