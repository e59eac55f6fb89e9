// WebP as libwebp's animation decoder, which Pillow uses, gives its first frame.

#include <fmt/format.h>
#include <webp/decode.h>
#include <webp/demux.h>

#include <memory>

#include "convllava/image/decode.h"

namespace convllava::image {

bool accepts_webp(std::string_view bytes) {
  if (!bytes.starts_with("RIFF") || bytes.size() < 16 || bytes.substr(8, 4) != "WEBP") return false;
  const std::string_view kind = bytes.substr(12, 4);
  return kind == "VP8 " || kind == "VP8L" || kind == "VP8X";
}

Image read_webp(const EncodedImage& file) {
  const WebPData data{reinterpret_cast<const uint8_t*>(file.bytes.data()), file.bytes.size()};
  const std::unique_ptr<WebPDemuxer, void (*)(WebPDemuxer*)> demuxer(WebPDemux(&data), WebPDemuxDelete);
  if (!demuxer) file.fail("damaged or missing chunks", "the complete file");
  Image image{
      WebPDemuxGetI(demuxer.get(), WEBP_FF_CANVAS_WIDTH), WebPDemuxGetI(demuxer.get(), WEBP_FF_CANVAS_HEIGHT), {}};
  file.check_size(image.width, image.height);

  WebPIterator frame;
  const std::unique_ptr<WebPIterator, void (*)(WebPIterator*)> release(&frame, WebPDemuxReleaseIterator);
  if (!WebPDemuxGetFrame(demuxer.get(), 1, &frame)) file.fail("no frame");
  if (frame.x_offset < 0 || frame.y_offset < 0 || frame.width > image.width - frame.x_offset ||
      frame.height > image.height - frame.y_offset) {
    file.fail("a frame beyond the canvas");
  }
  image.pixels.resize(image.width * image.height * 3);  // around the frame the canvas is black
  const int64_t stride = image.width * 3;
  const int64_t start = frame.y_offset * stride + frame.x_offset * 3;
  if (!WebPDecodeRGBInto(frame.fragment.bytes, frame.fragment.size, image.pixels.data() + start,
                         image.pixels.size() - start, static_cast<int>(stride))) {
    file.fail("damaged data");
  }
  return image;
}

}  // namespace convllava::image
