#include "convllava/image/file_format.h"

#include <filesystem>

#include "convllava/core/error.h"
#include "convllava/core/files.h"
#include "tests/catch.h"
#include "tests/unit/image/golden.h"

namespace convllava::image {
namespace {

using testing::contains;

/// Path and bytes of every picture that the goldens hold, but the PPM files.
std::vector<std::pair<std::string, std::string>> pictures() {
  std::vector<std::pair<std::string, std::string>> found;
  for (const auto& entry : std::filesystem::directory_iterator(testing::golden_folder() / "decode")) {
    const std::string extension = entry.path().extension();
    if (extension != ".ppm" && !extension.empty()) found.emplace_back(entry.path(), core::read_file(entry.path()));
  }
  return found;
}

TEST_CASE("the kind of a picture is known from its first bytes", "[image]") {
  const auto files = pictures();
  REQUIRE(files.size() >= 30);
  for (const auto& [path, bytes] : files) {
    CAPTURE(path);
    const std::string name(format_name(identify(bytes, path)));
    const std::string extension = std::filesystem::path(path).extension();
    REQUIRE(extension == (name == "JPEG" ? ".jpg" : name == "PNG" ? ".png" : name == "BMP" ? ".bmp" : ".webp"));
  }
  REQUIRE(identify("P6 1 1 255\nabc", "") == FileFormat::kPpm);
}

TEST_CASE("a picture cut anywhere is truncated, and bytes behind its end do no harm", "[image]") {
  for (const auto& [path, bytes] : pictures()) {
    CAPTURE(path);
    const FileFormat format = identify(bytes, path);
    REQUIRE_NOTHROW(check_complete(format, bytes, path));
    REQUIRE_NOTHROW(check_complete(format, bytes + std::string(1000, '\xFF'), path));
    for (size_t size = 12; size < bytes.size(); ++size) {
      CAPTURE(size);
      REQUIRE_THROWS_AS(check_complete(format, std::string_view(bytes).substr(0, size), path), DataError);
    }
  }
}

TEST_CASE("the message of a truncated picture names the file, the kind and the size", "[image]") {
  const std::string_view cut("\xFF\xD8\xFF\xE0\x00\x10JFIF", 10);
  REQUIRE(testing::message_of<DataError>([&] { check_complete(FileFormat::kJpeg, cut, "photos/1.jpg"); }) ==
          "photos/1.jpg: the JPEG picture is truncated; got 10 bytes; expected the file to its end");
}

TEST_CASE("an animated WebP picture is refused as such", "[image]") {
  for (const auto& [path, bytes] : pictures()) {
    CAPTURE(path);
    REQUIRE_NOTHROW(check_still(identify(bytes, path), bytes, path));
  }
  // RIFF of 22 bytes with one chunk of 10: flags, three reserved bytes, canvas of 1x1.
  std::string webp("RIFF\x16\0\0\0WEBPVP8X\x0A\0\0\0\x02\0\0\0\0\0\0\0\0\0", 30);
  REQUIRE(testing::message_of<DataError>([&] { decode_image(webp); }) ==
          "an animated WebP picture; expected a still one");
  REQUIRE(testing::message_of<DataError>([&] { check_still(FileFormat::kWebp, webp, "photos/1.webp"); }) ==
          "photos/1.webp: an animated WebP picture; expected a still one");
  webp[20] = 0x10;  // transparency
  REQUIRE_NOTHROW(check_still(FileFormat::kWebp, webp, ""));
}

TEST_CASE("critical_png_chunks drops the colour profile and keeps the pixels", "[image]") {
  const std::string bytes = core::read_file(testing::golden_folder() / "decode" / "bad_profile.png");
  const std::string kept = critical_png_chunks(bytes);
  REQUIRE(bytes.find("iCCP") != bytes.npos);
  REQUIRE(kept.find("iCCP") == kept.npos);
  REQUIRE(kept.find("IDAT") != kept.npos);
  REQUIRE_NOTHROW(check_complete(FileFormat::kPng, kept, ""));
  const std::string plain = core::read_file(testing::golden_folder() / "decode" / "rgb.png");
  REQUIRE(critical_png_chunks(plain) == plain);
}

TEST_CASE("empty and foreign files are refused with their first bytes", "[image]") {
  const auto message = [](std::string_view bytes) {
    return testing::message_of<DataError>([&] { identify(bytes, "a.jpg"); });
  };
  REQUIRE(message("") ==
          "a.jpg: the picture is empty; got 0 bytes; expected a JPEG, PNG, WebP, BMP or PPM (P6) picture");
  REQUIRE(message("<!DOCTYPE html>") ==
          "a.jpg: not a picture of a known kind; got first bytes 3c 21 44 4f 43 54 59 50 (\"<!DOCTYP\"); expected a "
          "JPEG, PNG, WebP, BMP or PPM (P6) picture");
  REQUIRE_THAT(message("\xFF\xD8"), contains("got first bytes ff d8 (\"..\")"));
  REQUIRE_THAT(message("GIF89a"), contains("(\"GIF89a\")"));
}

}  // namespace
}  // namespace convllava::image
