// Netpbm's formats as Pillow reads them: P1 to P3 in text, P4 to P6 in bytes, Pf in floats.

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "convllava/image/byte_reader.h"
#include "convllava/image/decode.h"
#include "convllava/image/samples.h"

namespace convllava::image {
namespace {

static_assert(std::endian::native == std::endian::little, "floats are swapped where a file is big-endian");

bool is_space(char byte) { return byte == ' ' || (byte >= '\t' && byte <= '\r'); }

struct Header {
  char kind = 0;  // '1' to '6' or 'f'
  int64_t width = 0;
  int64_t height = 0;
  int64_t maximum = 1;
  double scale = 0;

  bool is_text() const { return kind <= '3'; }
  int channels() const { return kind == '3' || kind == '6' ? 3 : 1; }
};

/// The next word of the header. A comment does not end one.
std::string read_word(const EncodedImage& file, ByteReader& reader) {
  constexpr size_t kLongest = 10;
  std::string word;
  while (reader.left() > 0 && word.size() <= kLongest) {
    const char byte = static_cast<char>(reader.byte());
    if (byte == '#') {
      for (char skipped = byte; reader.left() > 0 && skipped != '\n' && skipped != '\r';) {
        skipped = static_cast<char>(reader.byte());
      }
    } else if (!is_space(byte)) {
      word += byte;
    } else if (!word.empty()) {
      break;
    }
  }
  if (word.size() > kLongest) file.fail(fmt::format("the word \"{}\" in the header", word), "at most 10 characters");
  return word;
}

int64_t read_number(const EncodedImage& file, ByteReader& reader, std::string_view what, int64_t most) {
  const std::string word = read_word(file, reader);
  int64_t value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc{} || end != word.data() + word.size() || value < 1 || value > most) {
    file.fail(fmt::format("\"{}\" as {}", word, what), fmt::format("1 to {}", most));
  }
  return value;
}

Header read_header(const EncodedImage& file, ByteReader& reader) {
  constexpr int64_t kMostPixelsPerSide = int64_t{1} << 31;
  Header header;
  header.kind = file.bytes[1];
  reader.seek(3);
  header.width = read_number(file, reader, "width", kMostPixelsPerSide);
  header.height = read_number(file, reader, "height", kMostPixelsPerSide);
  if (header.kind == 'f') {
    const std::string word = read_word(file, reader);
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), header.scale);
    if (error != std::errc{} || end != word.data() + word.size() || !std::isfinite(header.scale) || header.scale == 0) {
      file.fail(fmt::format("\"{}\" as scale", word), "a number other than 0");
    }
  } else if (header.kind != '1' && header.kind != '4') {
    header.maximum = read_number(file, reader, "maximum", 65535);
  }
  file.check_size(header.width, header.height);
  return header;
}

/// A sample of the file as a byte. Grey of more than 8 bits becomes 16 bits, which are clipped, not scaled.
uint8_t scale_sample(int64_t value, const Header& header) {
  const bool deep_grey = header.channels() == 1 && header.maximum > 255;
  if (!deep_grey && header.maximum == 255) return static_cast<uint8_t>(value);
  const double most = deep_grey ? 65535 : 255;
  const double scaled = std::nearbyint(static_cast<double>(value) / static_cast<double>(header.maximum) * most);
  return clip_grey(static_cast<int64_t>(scaled));
}

void put_sample(Image& image, const Header& header, size_t index, uint8_t value) {
  if (header.channels() == 3) {
    image.pixels[index] = value;
  } else {
    std::fill_n(&image.pixels[3 * index], 3, value);
  }
}

/// A comment is taken out together with the end of its line, so that it may join two numbers.
std::string without_comments(std::string_view text) {
  std::string kept;
  while (!text.empty()) {
    const size_t comment = std::min(text.find('#'), text.size());
    kept += text.substr(0, comment);
    const size_t end = text.find_first_of("\r\n", comment);
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
  }
  return kept;
}

void read_text(const EncodedImage& file, std::string_view rest, const Header& header, Image& image) {
  const std::string text = without_comments(rest);
  const size_t samples = header.width * header.height * header.channels();
  size_t at = 0;
  for (size_t i = 0; i < samples; ++i) {
    while (at < text.size() && is_space(text[at])) ++at;
    if (at == text.size()) file.fail_truncated();
    if (header.kind == '1') {
      const char digit = text[at++];
      if (digit != '0' && digit != '1') file.fail(fmt::format("\"{:.10}\"", text.substr(at - 1)), "0 or 1");
      put_sample(image, header, i, digit == '0' ? 255 : 0);
      continue;
    }
    int64_t value = -1;
    const auto [end, error] = std::from_chars(text.data() + at, text.data() + text.size(), value);
    const bool ends = end == text.data() + text.size() || is_space(*end);
    if (error != std::errc{} || !ends || value < 0 || value > header.maximum) {
      file.fail(fmt::format("\"{:.10}\"", text.substr(at)), fmt::format("0 to {}", header.maximum));
    }
    at = end - text.data();
    put_sample(image, header, i, scale_sample(value, header));
  }
}

void read_samples(const uint8_t* data, const Header& header, Image& image) {
  const size_t samples = header.width * header.height * header.channels();
  if (header.maximum == 255 && header.channels() == 3) {
    std::copy_n(data, samples, image.pixels.begin());
  } else if (header.maximum <= 255) {
    for (size_t i = 0; i < samples; ++i) put_sample(image, header, i, scale_sample(data[i], header));
  } else {
    for (size_t i = 0; i < samples; ++i) {
      put_sample(image, header, i, scale_sample(data[2 * i] << 8 | data[2 * i + 1], header));
    }
  }
}

void read_floats(const uint8_t* data, const Header& header, Image& image) {
  for (int64_t y = header.height - 1; y >= 0; --y) {
    for (int64_t x = 0; x < header.width; ++x, data += 4) {
      uint32_t bits = 0;
      std::memcpy(&bits, data, 4);
      if (header.scale > 0) bits = __builtin_bswap32(bits);
      put_sample(image, header, y * header.width + x, clip_grey(std::bit_cast<float>(bits)));
    }
  }
}

}  // namespace

bool accepts_ppm(std::string_view bytes) {
  return bytes.size() >= 3 && bytes[0] == 'P' && ((bytes[1] >= '1' && bytes[1] <= '6') || bytes[1] == 'f') &&
         is_space(bytes[2]);
}

Image read_ppm(const EncodedImage& file) {
  ByteReader reader(file);
  const Header header = read_header(file, reader);
  Image image{header.width, header.height, {}};
  const std::string_view rest = file.bytes.substr(reader.position());
  const int64_t row_bytes = header.kind == '4'   ? (header.width + 7) / 8
                            : header.kind == 'f' ? header.width * 4
                                                 : header.width * header.channels() * (header.maximum > 255 ? 2 : 1);
  // The shortest text has one byte a sample.
  const int64_t needed = header.is_text() ? header.width * header.channels() : row_bytes;
  if (static_cast<int64_t>(rest.size()) < needed * header.height) file.fail_truncated();
  image.pixels.resize(image.width * image.height * 3);
  const auto* data = reinterpret_cast<const uint8_t*>(rest.data());
  if (header.is_text()) {
    read_text(file, rest, header, image);
  } else if (header.kind == 'f') {
    read_floats(data, header, image);
  } else if (header.kind == '4') {
    for (int64_t y = 0; y < image.height; ++y) {
      uint8_t* rgb = image.pixels.data() + y * image.width * 3;
      grey_bits_to_rgb(data + y * row_bytes, image.width, 1, rgb);
      std::for_each_n(rgb, image.width * 3, [](uint8_t& value) { value = 255 - value; });
    }
  } else {
    read_samples(data, header, image);
  }
  return image;
}

}  // namespace convllava::image
