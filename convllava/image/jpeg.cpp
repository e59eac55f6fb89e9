// JPEG with libjpeg-turbo's slow integer transform and smooth upsampling, the library's defaults and Pillow's.

#include <fmt/format.h>

#include <algorithm>
#include <csetjmp>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

// jpeglib.h needs <cstddef> and <cstdio>.
#include <jpeglib.h>

#include "convllava/core/error.h"
#include "convllava/image/decode.h"
#include "convllava/image/encode.h"
#include "convllava/image/samples.h"

namespace convllava::image {
namespace {

constexpr int kQuality = 85;

/// libjpeg ends the process on an error unless its handler jumps away. Set `manager` as the `err` of a libjpeg object.
struct JpegErrors {
  jpeg_error_mgr manager;  ///< first, because libjpeg passes this address
  std::jmp_buf jump;       ///< set it with setjmp before each call of libjpeg
  char first_warning[JMSG_LENGTH_MAX] = "";

  JpegErrors() {
    jpeg_std_error(&manager);
    manager.error_exit = [](j_common_ptr info) { std::longjmp(reinterpret_cast<JpegErrors*>(info->err)->jump, 1); };
  }
};

void keep_first_warning(j_common_ptr info, int level) {
  if (level >= 0) return;  // a trace message
  if (info->err->num_warnings++ > 0) return;
  info->err->format_message(info, reinterpret_cast<JpegErrors*>(info->err)->first_warning);
}
void do_nothing(j_decompress_ptr) {}

/// No bytes will come: the library then returns to its caller in the middle of its work ("suspends").
boolean no_more_bytes(j_decompress_ptr) { return FALSE; }

void skip_bytes(j_decompress_ptr info, long count) {
  jpeg_source_mgr& source = *info->src;
  const size_t skipped = std::min(static_cast<size_t>(std::max(count, 0L)), source.bytes_in_buffer);
  source.next_input_byte += skipped;
  source.bytes_in_buffer -= skipped;
}

class JpegDecoder {
 public:
  explicit JpegDecoder(const EncodedImage& file) : file_(file) {
    info_.err = &errors_.manager;
    errors_.manager.emit_message = keep_first_warning;
    source_.init_source = do_nothing;
    source_.fill_input_buffer = no_more_bytes;
    source_.skip_input_data = skip_bytes;
    source_.resync_to_restart = jpeg_resync_to_restart;
    source_.term_source = do_nothing;
    source_.next_input_byte = reinterpret_cast<const JOCTET*>(file.bytes.data());
    source_.bytes_in_buffer = file.bytes.size();
  }
  ~JpegDecoder() { jpeg_destroy_decompress(&info_); }
  JpegDecoder(const JpegDecoder&) = delete;
  JpegDecoder& operator=(const JpegDecoder&) = delete;

  Image read() {
    guarded([this] {
      jpeg_create_decompress(&info_);
      info_.src = &source_;
    });
    read_header();
    Image image{info_.image_width, info_.image_height, {}};
    image.pixels.resize(image.width * image.height * 3);
    std::vector<uint8_t> cmyk(info_.out_color_space == JCS_CMYK ? image.width * 4 : 0);
    bool whole = true;
    guarded([&] { whole = jpeg_start_decompress(&info_); });
    if (!whole) file_.fail_truncated();
    guarded([&] { whole = cmyk.empty() ? read_rgb(image) : read_cmyk(image, cmyk.data()); });
    if (!whole) file_.fail_truncated();
    guarded([&] { whole = jpeg_finish_decompress(&info_); });
    if (!whole) file_.warn_damaged("no end-of-image marker");
    if (errors_.manager.num_warnings > 0) file_.warn_damaged(errors_.first_warning);
    return image;
  }

 private:
  /// Runs `step`, which must leave nothing to destroy: an error of libjpeg jumps out of it.
  template <typename Step>
  void guarded(const Step& step) {
    if (setjmp(errors_.jump) == 0) return step();
    char reason[JMSG_LENGTH_MAX] = "";
    errors_.manager.format_message(reinterpret_cast<j_common_ptr>(&info_), reason);
    file_.fail(reason);
  }

  void read_header() {
    int found = JPEG_HEADER_TABLES_ONLY;
    guarded([&] {
      while (found == JPEG_HEADER_TABLES_ONLY) found = jpeg_read_header(&info_, FALSE);
    });
    if (found == JPEG_SUSPENDED) file_.fail_truncated();
    const int channels = info_.num_components;
    if (channels != 1 && channels != 3 && channels != 4) {
      file_.fail(std::to_string(channels) + " channels", "1, 3 or 4 channels");
    }
    file_.check_size(info_.image_width, info_.image_height);
    info_.out_color_space = channels == 4 ? JCS_CMYK : JCS_RGB;
  }

  bool read_rgb(Image& image) {
    while (info_.output_scanline < info_.output_height) {
      JSAMPROW row = image.pixels.data() + int64_t{info_.output_scanline} * image.width * 3;
      if (jpeg_read_scanlines(&info_, &row, 1) != 1) return false;
    }
    return true;
  }

  /// Four channels are taken as Adobe writes them, inverted, with or without its marker.
  bool read_cmyk(Image& image, uint8_t* cmyk) {
    while (info_.output_scanline < info_.output_height) {
      uint8_t* rgb = image.pixels.data() + int64_t{info_.output_scanline} * image.width * 3;
      if (jpeg_read_scanlines(&info_, &cmyk, 1) != 1) return false;
      for (int64_t i = 0; i < image.width * 4; ++i) cmyk[i] = 255 - cmyk[i];
      cmyk_to_rgb(cmyk, image.width, 4, rgb);
    }
    return true;
  }

  const EncodedImage& file_;
  JpegErrors errors_;
  jpeg_source_mgr source_{};
  jpeg_decompress_struct info_{};
};

class JpegEncoder {
 public:
  JpegEncoder() { info_.err = &errors_.manager; }
  ~JpegEncoder() {
    jpeg_destroy_compress(&info_);
    std::free(buffer_);
  }
  JpegEncoder(const JpegEncoder&) = delete;
  JpegEncoder& operator=(const JpegEncoder&) = delete;

  std::string encode(const Image& image) {
    if (setjmp(errors_.jump) != 0) {
      char reason[JMSG_LENGTH_MAX] = "";
      errors_.manager.format_message(reinterpret_cast<j_common_ptr>(&info_), reason);
      throw DataError("", "the JPEG encoder failed", reason);
    }
    compress(image);
    return {reinterpret_cast<const char*>(buffer_), size_};
  }

 private:
  /// Has no local objects to destroy: an error of libjpeg jumps out of it.
  void compress(const Image& image) {
    jpeg_create_compress(&info_);
    jpeg_mem_dest(&info_, &buffer_, &size_);
    info_.image_width = static_cast<JDIMENSION>(image.width);
    info_.image_height = static_cast<JDIMENSION>(image.height);
    info_.input_components = 3;
    info_.in_color_space = JCS_RGB;
    jpeg_set_defaults(&info_);
    jpeg_set_quality(&info_, kQuality, TRUE);
    info_.comp_info[0].h_samp_factor = info_.comp_info[0].v_samp_factor = 1;
    jpeg_start_compress(&info_, TRUE);
    while (info_.next_scanline < info_.image_height) {
      const int64_t start = int64_t{info_.next_scanline} * image.width * 3;
      JSAMPROW row = const_cast<JSAMPROW>(image.pixels.data() + start);  // libjpeg only reads it
      jpeg_write_scanlines(&info_, &row, 1);
    }
    jpeg_finish_compress(&info_);
  }

  JpegErrors errors_;
  jpeg_compress_struct info_{};
  unsigned char* buffer_ = nullptr;
  unsigned long size_ = 0;
};

}  // namespace

bool accepts_jpeg(std::string_view bytes) { return bytes.starts_with("\xFF\xD8\xFF"); }

Image read_jpeg(const EncodedImage& file) { return JpegDecoder(file).read(); }

std::string encode_jpeg(const Image& image) {
  if (image.width < 1 || image.height < 1 || image.width > JPEG_MAX_DIMENSION || image.height > JPEG_MAX_DIMENSION) {
    throw DataError("", "the image's size is invalid for JPEG", fmt::format("{}x{} pixels", image.width, image.height),
                    fmt::format("sides of 1 to {} pixels", JPEG_MAX_DIMENSION));
  }
  return JpegEncoder().encode(image);
}

}  // namespace convllava::image
