#include <filesystem>
#include <fstream>

#include "convllava/core/error.h"
#include "convllava/core/files.h"
#include "convllava/image/image.h"
#include "tests/catch.h"
#include "tests/unit/image/golden.h"

namespace convllava::image {
namespace {

using testing::contains;

std::string message(std::string_view bytes) {
  return testing::message_of<DataError>([&] { decode_image(bytes); });
}

TEST_CASE("a PPM file with comments is read as it is", "[image]") {
  const Image image = decode_image("P6\n# made by hand\n2 # wide\n1\n255\nabcdef");
  REQUIRE(image.width == 2);
  REQUIRE(image.height == 1);
  REQUIRE(image.pixels == std::vector<uint8_t>{'a', 'b', 'c', 'd', 'e', 'f'});
}

TEST_CASE("PPM samples of another maximum are scaled as Pillow scales them", "[image]") {
  for (const std::string name : {"maximum_100.ppm", "maximum_1000.ppm"}) {
    CAPTURE(name);
    const Image found = load_image(testing::golden_folder() / "decode" / name);
    REQUIRE(found.pixels == load_image(testing::golden_folder() / "decode" / (name + ".expected.ppm")).pixels);
  }
}

TEST_CASE("a bad PPM file is refused with what is wrong", "[image]") {
  REQUIRE_THAT(message("P6 4 4 255\nabc"),
               contains("the PPM picture is truncated; got 3 bytes of pixels; expected 48"));
  REQUIRE_THAT(message("P6 4"), contains("the PPM header has no valid height; got \"\"; expected 1 to 1048576"));
  REQUIRE_THAT(message("P6 0 4 255\n"), contains("no valid width; got \"0 4 255"));
  REQUIRE_THAT(message("P6 1048576 1025 255\n"), contains("no valid height; got \"1025 255"));
  REQUIRE_THAT(message("P6 1 1 65536\nabc"), contains("no valid maximum; got \"65536"));
  REQUIRE_THAT(message("P6 # only a comment"), contains("no valid width"));
  REQUIRE_THAT(message("P6 1 1 255"), contains("got 0 bytes of pixels; expected 3"));
}

TEST_CASE("the path begins the message of load_image", "[image]") {
  const std::filesystem::path folder = std::filesystem::temp_directory_path() / "convllava_image_test";
  std::filesystem::create_directories(folder);
  const auto path = folder / "broken.ppm";
  core::write_file_atomic(path, "P6 4 4 255\nabc");
  const auto message_for = [&](const std::filesystem::path& file) {
    return testing::message_of<DataError>([&] { load_image(file); });
  };
  REQUIRE_THAT(message_for(path), contains(path.string() + ": the PPM picture is truncated"));
  core::write_file_atomic(path, "");
  REQUIRE_THAT(message_for(path), contains(path.string() + ": the picture is empty; got 0 bytes"));
  REQUIRE_THAT(message_for(folder / "absent.jpg"),
               contains((folder / "absent.jpg").string() + ": cannot read the file"));
  REQUIRE_THAT(message_for(folder / "absent.jpg"), contains("No such file or directory"));
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace convllava::image
