#include <fmt/format.h>

#include <limits>
#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>
#include <string>

#include "convllava/core/error.h"
#include "convllava/image/decode.h"

namespace convllava::image {
namespace {

[[noreturn]] void fail(FileFormat format, std::string_view where, std::string_view reason) {
  throw DataError(error_message(where, fmt::format("the {} picture cannot be decoded", format_name(format)), reason,
                                "undamaged data, at most 2^20 pixels a side and 2^30 in all"));
}

}  // namespace

Image decode_compressed(FileFormat format, std::string_view bytes, std::string_view where) {
  if (bytes.size() > std::numeric_limits<int>::max()) fail(format, where, fmt::format("{} bytes", bytes.size()));
  std::string critical;
  if (format == FileFormat::kPng) bytes = critical = critical_png_chunks(bytes);
  cv::Mat decoded;
  try {
    const cv::Mat encoded(1, static_cast<int>(bytes.size()), CV_8UC1, const_cast<char*>(bytes.data()));
    decoded = cv::imdecode(encoded, cv::IMREAD_COLOR | cv::IMREAD_IGNORE_ORIENTATION);
  } catch (const cv::Exception& error) {
    fail(format, where, error.err);
  }
  if (decoded.empty() || decoded.type() != CV_8UC3) fail(format, where, "damaged data");

  Image image{decoded.cols, decoded.rows, std::vector<uint8_t>(decoded.total() * 3)};
  uint8_t* rgb = image.pixels.data();
  for (int y = 0; y < decoded.rows; ++y) {
    const uint8_t* bgr = decoded.ptr(y);
    for (int x = 0; x < decoded.cols; ++x, rgb += 3, bgr += 3) {
      rgb[0] = bgr[2];
      rgb[1] = bgr[1];
      rgb[2] = bgr[0];
    }
  }
  return image;
}

}  // namespace convllava::image
