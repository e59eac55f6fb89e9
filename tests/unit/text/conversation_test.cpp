#include "convllava/text/conversation.h"

#include "convllava/core/error.h"
#include "tests/catch.h"

namespace convllava::text {
namespace {

using convllava::testing::message_of;

}  // namespace

TEST_CASE("templates are found by their names", "[text]") {
  CHECK(template_from_name("v1") == Template::kV1);
  CHECK(template_from_name("vicuna_v1") == Template::kV1);
  CHECK(template_from_name("plain") == Template::kPlain);
  CHECK(template_from_name("llava_v1") == Template::kLlavaV1);
  CHECK(template_name(Template::kV1) == "v1");
  for (const auto& name : template_names()) CHECK_NOTHROW(template_from_name(name));
  for (const auto value : {Template::kV1, Template::kPlain, Template::kLlavaV1}) {
    CHECK(template_from_name(template_name(value)) == value);
  }
}

TEST_CASE("an unknown template is refused with the names there are", "[text]") {
  CHECK(message_of<ConfigError>([] { template_from_name("llava-v1"); }) ==
        "unknown conversation template; got \"llava-v1\"; expected one of v1, plain, llava_v1, vicuna_v1 "
        "(did you mean \"llava_v1\"?)");
  CHECK(message_of<ConfigError>([] { template_from_name("chatml_with_tools"); }) ==
        "unknown conversation template; got \"chatml_with_tools\"; expected one of v1, plain, llava_v1, vicuna_v1");
  CHECK_THROWS_AS(template_name(static_cast<Template>(9)), Error);
}

TEST_CASE("the placeholder of an image moves to the front, once", "[text]") {
  CHECK(normalize_image_placeholder("<image>\nWhat is it?") == "<image>\nWhat is it?");
  CHECK(normalize_image_placeholder("What is it?\n<image>") == "<image>\nWhat is it?");
  CHECK(normalize_image_placeholder("What<image> is it?") == "<image>\nWhat is it?");
  CHECK(normalize_image_placeholder("<image> <image>What is it?<image>") == "<image>\nWhat is it?");
  CHECK(normalize_image_placeholder("<image>") == "<image>");
  CHECK(normalize_image_placeholder(" \n<image>\t\u3000") == "<image>");
  CHECK(normalize_image_placeholder("<image>\u00a0\x1f wide \u2003") == "<image>\nwide");
}

TEST_CASE("text without a placeholder is left as it is", "[text]") {
  for (const auto* text : {"", "  spaces ", "<Image>", "<image", "image>\n"}) {
    CHECK(normalize_image_placeholder(text) == text);
  }
}

}  // namespace convllava::text
