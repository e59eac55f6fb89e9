#include "convllava/image/ppm.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string>

#include "convllava/core/error.h"

namespace convllava::image {
namespace {

constexpr int64_t kMostPixelsPerSide = int64_t{1} << 20;
constexpr int64_t kMostPixels = int64_t{1} << 30;

class Header {
 public:
  Header(std::string_view bytes, std::string_view where) : bytes_(bytes), where_(where) {}

  /// The next number of the header, after white space and comments.
  int64_t number(std::string_view what, int64_t most) {
    skip_space();
    int64_t value = 0;
    const char* begin = bytes_.data() + at_;
    const auto [end, error] = std::from_chars(begin, bytes_.data() + bytes_.size(), value);
    if (error != std::errc{} || value < 1 || value > most) {
      throw DataError(error_message(where_, fmt::format("the PPM header has no valid {}", what),
                                    fmt::format("\"{}\"", bytes_.substr(at_, 12)), fmt::format("1 to {}", most)));
    }
    at_ += end - begin;
    return value;
  }

  /// What follows the header and the one white space character behind it.
  std::string_view data() const { return bytes_.substr(std::min(at_ + 1, bytes_.size())); }

 private:
  void skip_space() {
    while (at_ < bytes_.size() && (is_space(bytes_[at_]) || bytes_[at_] == '#')) {
      if (bytes_[at_] == '#') at_ = std::min(bytes_.find('\n', at_), bytes_.size() - 1);
      ++at_;
    }
  }

  static bool is_space(char byte) { return byte == ' ' || (byte >= '\t' && byte <= '\r'); }

  std::string_view bytes_;
  std::string_view where_;
  size_t at_ = 2;
};

}  // namespace

Image read_ppm(std::string_view bytes, std::string_view where) {
  Header header(bytes, where);
  Image image;
  image.width = header.number("width", kMostPixelsPerSide);
  image.height = header.number("height", std::min(kMostPixelsPerSide, kMostPixels / image.width));
  const int64_t maximum = header.number("maximum", 65535);
  const std::string_view data = header.data();
  const size_t samples = image.width * image.height * 3;
  const size_t sample_bytes = maximum > 255 ? 2 : 1;
  if (data.size() < samples * sample_bytes) {
    throw DataError(error_message(where, "the PPM picture is truncated", fmt::format("{} bytes of pixels", data.size()),
                                  fmt::format("{}", samples * sample_bytes)));
  }
  image.pixels.resize(samples);
  if (maximum == 255) {
    std::copy_n(data.begin(), samples, image.pixels.begin());
    return image;
  }
  for (size_t i = 0; i < samples; ++i) {
    int value = static_cast<uint8_t>(data[i * sample_bytes]);
    if (sample_bytes == 2) value = value << 8 | static_cast<uint8_t>(data[i * 2 + 1]);
    const double scaled = std::nearbyint(static_cast<double>(value) / static_cast<double>(maximum) * 255);
    image.pixels[i] = static_cast<uint8_t>(std::min(scaled, 255.0));
  }
  return image;
}

}  // namespace convllava::image
