#include "convllava/report/embedded_image.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "convllava/core/files.h"
#include "convllava/image/encode.h"
#include "convllava/image/image.h"

namespace convllava::report {
namespace {

constexpr size_t kMostBytes = 400'000;
constexpr int64_t kMostPixels = 768;

std::string base64(std::string_view bytes) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t count = std::min<size_t>(3, bytes.size() - i);
    uint32_t group = 0;
    for (size_t j = 0; j < 3; ++j) group = group << 8 | (j < count ? static_cast<uint8_t>(bytes[i + j]) : 0U);
    for (size_t j = 0; j < 4; ++j) text += j <= count ? kDigits[group >> (18 - 6 * j) & 0x3F] : '=';
  }
  return text;
}

/// "" for formats that browsers do not show, and for animations: the model has the first frame only.
std::string_view media_type(std::string_view format) {
  if (format == "JPEG") return "image/jpeg";
  if (format == "PNG") return "image/png";
  if (format == "WebP") return "image/webp";
  if (format == "BMP") return "image/bmp";
  return "";
}

std::string data_uri(std::string_view type, std::string_view bytes) {
  return fmt::format("data:{};base64,{}", type, base64(bytes));
}

}  // namespace

std::string image_uri(const std::filesystem::path& path) {
  const std::string bytes = core::read_file(path);
  const auto type = media_type(image::identify(bytes, path.string()));
  if (!type.empty() && bytes.size() <= kMostBytes) return data_uri(type, bytes);
  auto image = image::load_image(path);
  const int64_t longest = std::max(image.width, image.height);
  if (longest > kMostPixels) {
    const auto shrunk = [longest](int64_t side) { return std::max<int64_t>(1, side * kMostPixels / longest); };
    image = image::resize_bicubic(image, shrunk(image.width), shrunk(image.height));
  }
  return data_uri("image/jpeg", image::encode_jpeg(image));
}

}  // namespace convllava::report
