#include "convllava/image/decode.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <string>

#include "convllava/core/error.h"
#include "convllava/core/files.h"
#include "convllava/core/log.h"

namespace convllava::image {
namespace {

struct Format {
  std::string_view name;
  bool (*accepts)(std::string_view bytes);
  Image (*read)(const EncodedImage& file);
};

// The table of formats: name, test of the first bytes, reader. Add a format: its reader (decode.h) and a row here.
constexpr Format kFormats[] = {
    {"JPEG", accepts_jpeg, read_jpeg}, {"PNG", accepts_png, read_png}, {"WebP", accepts_webp, read_webp},
    {"GIF", accepts_gif, read_gif},    {"BMP", accepts_bmp, read_bmp}, {"TIFF", accepts_tiff, read_tiff},
    {"PPM", accepts_ppm, read_ppm},
};
constexpr std::string_view kFormatNames = "a JPEG, PNG, WebP, GIF, BMP, TIFF or PPM image";

/// The first bytes in hexadecimal and, where they can be printed, as text.
std::string describe_start(std::string_view bytes) {
  std::string hexadecimal;
  std::string text;
  for (const char byte : bytes.substr(0, 8)) {
    hexadecimal += fmt::format("{:02x} ", static_cast<uint8_t>(byte));
    text += byte >= ' ' && byte <= '~' ? byte : '.';
  }
  return fmt::format("first bytes {}(\"{}\")", hexadecimal, text);
}

const Format& find_format(std::string_view bytes, std::string_view where) {
  if (bytes.empty()) throw DataError(where, "the image is empty", "0 bytes", kFormatNames);
  for (const Format& format : kFormats) {
    if (format.accepts(bytes)) return format;
  }
  throw DataError(where, "unknown image format", describe_start(bytes), kFormatNames);
}

Image decode(std::string_view bytes, std::string_view where) {
  const Format& format = find_format(bytes, where);
  return format.read({bytes, where, format.name});
}

/// One line for the whole data set.
void warn_once(std::atomic<bool>& warned, const std::string& message) {
  if (!warned.exchange(true)) core::log_warning(message + "; further such warnings are omitted");
}

}  // namespace

void EncodedImage::fail(std::string_view reason, std::string_view expected) const {
  throw DataError(where, fmt::format("the {} image cannot be decoded", format), reason, expected);
}

void EncodedImage::fail_truncated() const {
  throw DataError(where, fmt::format("the {} image is truncated", format), fmt::format("{} bytes", bytes.size()),
                  "the complete file");
}

void EncodedImage::check_size(int64_t width, int64_t height) const {
  if (width < 1 || height < 1) fail(fmt::format("a size of {}x{}", width, height), "at least 1x1 pixels");
  if (width > kMostPixels / height) {
    throw DataError(where, fmt::format("the {} image has too many pixels", format), fmt::format("{}x{}", width, height),
                    fmt::format("at most {} pixels, Pillow's limit", kMostPixels));
  }
  static std::atomic<bool> warned{false};
  if (width * height > kManyPixels) {
    warn_once(warned, error_message(where, fmt::format("a large {} image", format),
                                    fmt::format("{}x{}, more than {} pixels", width, height, kManyPixels)));
  }
}

void EncodedImage::warn_damaged(std::string_view damage) const {
  static std::atomic<bool> warned{false};
  warn_once(warned, error_message(where, fmt::format("the {} image is read although it is damaged", format), damage));
}

std::string_view identify(std::string_view bytes, std::string_view where) { return find_format(bytes, where).name; }

Image decode_image(std::string_view bytes) { return decode(bytes, {}); }

Image load_image(const std::filesystem::path& path) {
  const std::string& name = path.native();
  if (const size_t end = name.find('\0'); end != name.npos) {  // the system would open the path before it
    throw DataError(name.substr(0, end), "the path of the image contains a NUL byte",
                    fmt::format("{} bytes, the NUL byte at {}", name.size(), end), "a path without one");
  }
  return decode(core::read_file(path), name);
}

}  // namespace convllava::image
