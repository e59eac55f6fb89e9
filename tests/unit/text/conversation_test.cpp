#include "convllava/text/conversation.h"

#include "tests/catch.h"

namespace convllava::text {

TEST_CASE("the placeholder of an image moves to the front, once", "[text]") {
  CHECK(normalize_image_placeholder("<image>\nWhat is it?") == "<image>\nWhat is it?");
  CHECK(normalize_image_placeholder("What is it?\n<image>") == "<image>\nWhat is it?");
  CHECK(normalize_image_placeholder("What<image> is it?") == "<image>\nWhat is it?");
  CHECK(normalize_image_placeholder("<image> <image>What is it?<image>") == "<image>\nWhat is it?");
  CHECK(normalize_image_placeholder("<image>") == "<image>");
  CHECK(normalize_image_placeholder(" \n<image>\t\u3000") == "<image>");
  CHECK(normalize_image_placeholder("<image>\u00a0\x1f wide \u2003") == "<image>\nwide");
}

TEST_CASE("text without a placeholder is unchanged", "[text]") {
  for (const auto* text : {"", "  spaces ", "<Image>", "<image", "image>\n"}) {
    CHECK(normalize_image_placeholder(text) == text);
  }
}

}  // namespace convllava::text
