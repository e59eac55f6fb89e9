#include "convllava/image/file_format.h"

#include <fmt/format.h>

#include <cstdint>
#include <cstdlib>
#include <string>

#include "convllava/core/error.h"

namespace convllava::image {
namespace {

uint32_t big_endian(std::string_view bytes, size_t at, size_t count) {
  uint32_t value = 0;
  for (size_t i = 0; i < count; ++i) value = value << 8 | static_cast<uint8_t>(bytes[at + i]);
  return value;
}

uint32_t little_endian(std::string_view bytes, size_t at, size_t count) {
  uint32_t value = 0;
  for (size_t i = count; i-- > 0;) value = value << 8 | static_cast<uint8_t>(bytes[at + i]);
  return value;
}

/// Steps over segments by their length (a thumbnail inside one has an end marker of its own) and over the coded data
/// behind a scan header, where 0xFF is followed by 0x00 or a restart marker.
bool jpeg_is_complete(std::string_view bytes) {
  for (size_t at = 2; (at = bytes.find('\xFF', at)) != bytes.npos && at + 1 < bytes.size();) {
    const auto marker = static_cast<uint8_t>(bytes[at + 1]);
    if (marker == 0xD9) return true;
    const bool fill_byte = marker == 0xFF;
    const bool has_length = marker > 0x01 && !fill_byte && (marker < 0xD0 || marker > 0xD8);
    if (has_length && at + 3 >= bytes.size()) return false;
    at += has_length ? 2 + big_endian(bytes, at + 2, 2) : (fill_byte ? 1 : 2);
  }
  return false;
}

constexpr size_t kPngSignature = 8;
constexpr size_t kPngChunkFrame = 12;  // length, type and checksum

bool png_is_complete(std::string_view bytes) {
  for (size_t at = kPngSignature; at + kPngChunkFrame <= bytes.size();) {
    if (bytes.substr(at + 4, 4) == "IEND") return true;
    at += kPngChunkFrame + big_endian(bytes, at, 4);
  }
  return false;
}

bool webp_is_complete(std::string_view bytes) { return bytes.size() >= 8 + size_t{little_endian(bytes, 4, 4)}; }

/// The size field of the file header is often wrong; what the pixels need is not.
bool bmp_is_complete(std::string_view bytes) {
  if (bytes.size() < 26) return false;
  const size_t pixels_at = little_endian(bytes, 10, 4);
  const bool short_header = little_endian(bytes, 14, 4) == 12;
  if (!short_header && bytes.size() < 54) return false;
  const size_t width = little_endian(bytes, 18, short_header ? 2 : 4);
  const int64_t signed_height =
      static_cast<int32_t>(little_endian(bytes, short_header ? 20 : 22, short_header ? 2 : 4));
  const size_t bits = little_endian(bytes, short_header ? 24 : 28, 2);
  const uint32_t compression = short_header ? 0 : little_endian(bytes, 30, 4);
  const bool run_length_coded = compression == 1 || compression == 2;
  if (run_length_coded) return bytes.size() >= pixels_at + little_endian(bytes, 34, 4);
  return bytes.size() >= pixels_at + (width * bits + 31) / 32 * 4 * static_cast<size_t>(std::abs(signed_height));
}

bool is_complete(FileFormat format, std::string_view bytes) {
  switch (format) {
    case FileFormat::kJpeg:
      return jpeg_is_complete(bytes);
    case FileFormat::kPng:
      return png_is_complete(bytes);
    case FileFormat::kWebp:
      return webp_is_complete(bytes);
    case FileFormat::kBmp:
      return bmp_is_complete(bytes);
    case FileFormat::kPpm:
      return true;  // read_ppm knows better
  }
  return true;
}

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

}  // namespace

std::string_view format_name(FileFormat format) {
  switch (format) {
    case FileFormat::kJpeg:
      return "JPEG";
    case FileFormat::kPng:
      return "PNG";
    case FileFormat::kWebp:
      return "WebP";
    case FileFormat::kBmp:
      return "BMP";
    case FileFormat::kPpm:
      return "PPM";
  }
  return "unknown";
}

FileFormat identify(std::string_view bytes, std::string_view where) {
  constexpr std::string_view kKinds = "a JPEG, PNG, WebP, BMP or PPM (P6) picture";
  if (bytes.empty()) throw DataError(error_message(where, "the picture is empty", "0 bytes", kKinds));
  if (bytes.starts_with("\xFF\xD8\xFF")) return FileFormat::kJpeg;
  if (bytes.starts_with("\x89PNG\r\n\x1A\n")) return FileFormat::kPng;
  if (bytes.starts_with("RIFF") && bytes.substr(0, 12).ends_with("WEBP")) return FileFormat::kWebp;
  if (bytes.starts_with("BM")) return FileFormat::kBmp;
  if (bytes.starts_with("P6")) return FileFormat::kPpm;
  throw DataError(error_message(where, "not a picture of a known kind", describe_start(bytes), kKinds));
}

void check_complete(FileFormat format, std::string_view bytes, std::string_view where) {
  if (is_complete(format, bytes)) return;
  throw DataError(error_message(where, fmt::format("the {} picture is truncated", format_name(format)),
                                fmt::format("{} bytes", bytes.size()), "the file to its end"));
}

void check_still(FileFormat format, std::string_view bytes, std::string_view where) {
  // The flags of an extended file follow the frames of RIFF (12 bytes) and of its first chunk (8).
  constexpr size_t kFlags = 20;
  constexpr uint32_t kAnimation = 0x02;
  if (format != FileFormat::kWebp || bytes.size() <= kFlags || bytes.substr(12, 4) != "VP8X") return;
  if (little_endian(bytes, kFlags, 1) & kAnimation) {
    throw DataError(error_message(where, "an animated WebP picture", "", "a still one"));
  }
}

std::string critical_png_chunks(std::string_view bytes) {
  std::string kept(bytes.substr(0, kPngSignature));
  for (size_t at = kPngSignature; at + kPngChunkFrame <= bytes.size();) {
    const size_t length = kPngChunkFrame + big_endian(bytes, at, 4);
    const bool critical = bytes[at + 4] >= 'A' && bytes[at + 4] <= 'Z';
    if (critical) kept += bytes.substr(at, length);
    at += length;
  }
  return kept;
}

}  // namespace convllava::image
