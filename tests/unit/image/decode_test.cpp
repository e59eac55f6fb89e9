#include <sys/resource.h>

#include <algorithm>
#include <filesystem>
#include <string>

#include "convllava/core/error.h"
#include "convllava/image/image.h"
#include "tests/catch.h"
#include "tests/support/errors.h"
#include "tests/support/files.h"
#include "tests/support/process.h"
#include "tests/unit/image/golden.h"

namespace convllava::image {
namespace {

using testing::contains;
using testing::golden_image;

constexpr const char* kImageEmpty = "the image is empty";
constexpr const char* kWebpCannotBeDecoded = "the WebP image cannot be decoded";

DataError error_of(std::string_view bytes) {
  return testing::thrown<DataError>([&] { decode_image(bytes); });
}

/// The start of a bitmap with one bit a pixel, without the pixels.
std::string bitmap_header(int32_t width, int32_t height) {
  std::string bytes = golden_image("header_40_bits_1.bmp").bytes.substr(0, 62);
  bytes.replace(18, 4, reinterpret_cast<const char*>(&width), 4);
  bytes.replace(22, 4, reinterpret_cast<const char*>(&height), 4);
  return bytes;
}

// The first test here, because a process warns once in its life.
TEST_CASE("of large and of damaged images the first is named in a warning", "[image]") {
  const testing::TemporaryFolder folder("image");
  const int status = testing::in_child([&] {
    testing::CapturedStderr captured(folder / "stderr");
    for (int i = 0; i < 2; ++i) {
      error_of(bitmap_header(10000, 9000));
      decode_image(golden_image("no_last_padding.bmp").bytes);
      decode_image(golden_image("no_end_marker_zeros.jpg").bytes);
      decode_image(golden_image("last_row_missing.png").bytes);
    }
    captured.text();
    return 0;
  });
  REQUIRE(status == 0);
  const std::string text = testing::text_of(folder / "stderr");
  CHECK_THAT(text, contains("a large BMP image; got 10000x9000, more than 89478485 pixels; further such warnings "
                            "are omitted\n"));
  CHECK_THAT(text, contains("the BMP image is read although it is damaged; got the padding of the last row is missing; "
                            "further such warnings are omitted\n"));
  CHECK(std::count(text.begin(), text.end(), '\n') == 2);
}

TEST_CASE("empty and foreign files are rejected with their first bytes", "[image]") {
  const std::string formats = "a JPEG, PNG, WebP, GIF, BMP, TIFF or PPM image";
  REQUIRE(error_of("") == testing::Parts{.kind = kImageEmpty, .got = "0 bytes", .expected = formats});
  REQUIRE(error_of("<!DOCTYPE html>") == testing::Parts{.kind = "unknown image format",
                                                        .got = "first bytes 3c 21 44 4f 43 54 59 50 (\"<!DOCTYP\")",
                                                        .expected = formats});
  for (const char* start : {"\xFF\xD8", "\x89PNG", "RIFF....WAVE", "GIF88a", "B", "II*", "P7 1 1 255\n", "P6"}) {
    CAPTURE(start);
    REQUIRE(error_of(start) == testing::Parts{.expected = formats});
  }
}

TEST_CASE("a truncated image is an error, not an image with a grey end", "[image]") {
  for (const char* name :
       {"420.jpg", "progressive.jpg", "whole.png", "pillow.gif", "header_40_bits_24.bmp", "p6.ppm"}) {
    CAPTURE(name);
    const std::string bytes = golden_image(name).bytes;
    const std::string cut = bytes.substr(0, bytes.size() * 3 / 4);
    REQUIRE(error_of(cut) ==
            testing::Parts{.got = std::to_string(cut.size()) + " bytes", .expected = "the complete file"});
  }
  const std::string webp = golden_image("lossy.webp").bytes;
  REQUIRE(error_of(webp.substr(0, webp.size() / 2)) == testing::Parts{.kind = kWebpCannotBeDecoded,
                                                                      .got = "damaged or missing chunks",
                                                                      .expected = "the complete file"});
  const std::string tiff = golden_image("cut_3_of_4.tif").bytes;
  REQUIRE(error_of(tiff) == testing::Parts{.kind = "the TIFF image cannot be decoded"});
}

TEST_CASE("what is wrong with an image is in the message", "[image]") {
  const std::pair<const char*, const char*> cases[] = {
      {"no_height.jpg", "the JPEG image cannot be decoded; got Empty JPEG image (DNL not supported)"},
      {"header_wrong_checksum.png", "got a wrong checksum of the chunk IHDR"},
      {"wrong_adler.png", "the PNG image cannot be decoded; got incorrect data check"},
      {"unknown_filter.png", "got row filter 5; expected 0 to 4"},
      {"text_expands.png", "got a chunk zTXt that expands to more than 1048576 bytes"},
      {"palette_too_long.png", "got a palette of 257 colours; expected at most 256"},
      {"wrong_code.gif", "the GIF image cannot be decoded; got damaged data"},
      {"no_frame.gif", "the GIF image cannot be decoded; got no frame"},
      {"two_bits.bmp", "got 2 bits a pixel; expected 1, 4, 8, 16, 24 or 32"},
      {"header_of_41.bmp", "got a header of 41 bytes; expected 12, 40, 52, 56, 64, 108 or 124"},
      {"mask_10_bits.bmp", "got 32 bits with the masks 0x3ff00000, 0xffc00, 0x3ff and 0x0"},
      {"compression_4.bmp", "got compression 4; expected 0 to 3"},
      {"lab.tif",
       "got photometric interpretation 8, 3 samples of 8 bits, sample format 1, fill order 1; expected pixels "
       "in one of Pillow's layouts"},
      {"unknown_compression.tif", "the TIFF image cannot be decoded; got compression 12345"},
      {"p6_no_width.ppm", "the PPM image cannot be decoded; got \"0\" as width; expected 1 to 2147483648"},
      {"p6_maximum_65536.ppm", "got \"65536\" as maximum; expected 1 to 65535"},
      {"p3_word.ppm", "got \"x\"; expected 0 to 99"},
  };
  for (const auto& [name, expected] : cases) {
    CAPTURE(name);
    CHECK_THAT(error_of(golden_image(name).bytes).what(), contains(expected));
  }
  std::string webp = golden_image("lossless.webp").bytes;
  std::fill(webp.begin() + 26, webp.begin() + 90, '\xFF');
  CHECK(error_of(webp) == testing::Parts{.kind = kWebpCannotBeDecoded, .got = "damaged data"});
}

TEST_CASE("images beyond Pillow's limit are rejected before they take memory", "[image]") {
  REQUIRE(error_of(golden_image("too_large.png").bytes) ==
          testing::Parts{.kind = "the PNG image has too many pixels",
                         .got = "16000x16000",
                         .expected = "at most 178956970 pixels, Pillow's limit"});
  REQUIRE(error_of(bitmap_header(17895697, 10)) ==
          testing::Parts{.kind = "the BMP image is truncated", .got = "62 bytes"});
  REQUIRE(error_of(bitmap_header(89478486, 2)) ==
          testing::Parts{.kind = "the BMP image has too many pixels", .got = "89478486x2"});
  rusage before{};
  getrusage(RUSAGE_SELF, &before);
  for (const char* name :
       {"too_large.png", "too_large.jpg", "too_large.bmp", "too_large.tif", "tile_too_large.tif", "p6_too_large.ppm"}) {
    CAPTURE(name);
    CHECK(error_of(golden_image(name).bytes) == testing::Parts{.expected = "at most 178956970 pixels, Pillow's limit"});
  }
  rusage after{};
  getrusage(RUSAGE_SELF, &after);
  CHECK(after.ru_maxrss - before.ru_maxrss < 64 * 1024);
}

TEST_CASE("the path begins the message of load_image", "[image]") {
  const testing::TemporaryFolder folder("image");
  const auto error_for = [&](const std::filesystem::path& file) {
    return testing::thrown<DataError>([&] { load_image(file); });
  };
  const auto broken = folder.write("broken.ppm", "P6 4 4 255\nabc");
  CHECK(error_for(broken) == testing::Parts{.where = broken.string(),
                                            .kind = "the PPM image is truncated",
                                            .got = "14 bytes",
                                            .expected = "the complete file"});
  const auto empty = folder.write("empty.jpg", "");
  CHECK(error_for(empty) == testing::Parts{.where = empty.string(), .kind = kImageEmpty, .got = "0 bytes"});
  const auto absent = folder / "absent.jpg";
  CHECK(error_for(absent) == testing::Parts{.where = absent.string(), .got = "No such file or directory"});
}

TEST_CASE("a path with a NUL byte is rejected, not opened up to it", "[image]") {
  const testing::TemporaryFolder folder("image");
  const auto image = folder.write("a.png", golden_image("whole.png").bytes);
  REQUIRE(load_image(image).width == 33);
  const std::string path = image.string() + std::string("\0.jpg", 5);
  CHECK(testing::thrown<DataError>([&] { load_image(path); }) ==
        testing::Parts{
            .where = image.string(),
            .kind = "the path of the image contains a NUL byte",
            .got = std::to_string(path.size()) + " bytes, the NUL byte at " + std::to_string(image.string().size()),
            .expected = "a path without one"});
}

}  // namespace
}  // namespace convllava::image
