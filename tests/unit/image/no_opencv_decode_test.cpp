#include "convllava/core/error.h"
#include "convllava/image/image.h"
#include "tests/catch.h"
#include "tests/unit/image/golden.h"

namespace convllava::image {
namespace {

TEST_CASE("JPEG, PNG, WebP and BMP pictures equal Pillow's", "[image]") {
  SKIP("this build has no OpenCV and reads PPM pictures only");
}

TEST_CASE("a build without OpenCV says so", "[image]") {
  const auto path = testing::golden_folder() / "decode" / "420.jpg";
  REQUIRE(
      testing::message_of<DataError>([&] { load_image(path); }) ==
      path.string() +
          ": this build reads PPM pictures only; got a JPEG picture; expected a PPM picture, or a build with OpenCV "
          "(-DCONVLLAVA_OPENCV=ON)");
}

}  // namespace
}  // namespace convllava::image
