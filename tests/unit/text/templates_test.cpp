#include "convllava/text/templates.h"

#include <set>

#include "convllava/core/error.h"
#include "tests/catch.h"
#include "tests/support/errors.h"

namespace convllava::text {
namespace {

ConfigError error_of(std::string_view name) {
  return convllava::testing::thrown<ConfigError>([&] { template_from_name(name); });
}

}  // namespace

TEST_CASE("templates are found by name and by alias", "[text]") {
  CHECK(template_from_name("v1") == Template::kV1);
  CHECK(template_from_name("vicuna_v1") == Template::kV1);
  CHECK(template_from_name("plain") == Template::kPlain);
  CHECK(template_from_name("llava_v1") == Template::kLlavaV1);
  CHECK(template_name(template_from_name("vicuna_v1")) == "v1");
  CHECK(template_name(template_from_name("chatml")) == "chatml");
}

TEST_CASE("names and aliases of templates differ from each other", "[text]") {
  const auto& names = template_names();
  CHECK(std::set<std::string>(names.begin(), names.end()).size() == names.size());
}

TEST_CASE("each template has a meaning, and a text where an answer ends", "[text]") {
  for (const auto& name : template_names()) {
    CAPTURE(name);
    const auto format = template_from_name(name);
    CHECK_FALSE(format->meaning.empty());
    CHECK_FALSE(format->answer_end.empty());
  }
}

TEST_CASE("an unknown template is an error with the known names", "[text]") {
  const auto error = error_of("llava-v1");
  CHECK(error.kind() == "unknown conversation template");
  CHECK(error.got() == "\"llava-v1\"");
  CHECK(error.expected().starts_with("one of v1, plain, llava_v1, "));
  CHECK(error.expected().ends_with("vicuna_v1 (did you mean \"llava_v1\"?)"));
  CHECK(error_of("chatml_with_tools").expected().ends_with("vicuna_v1"));
  CHECK(error_of("").got() == "\"\"");
}

TEST_CASE("generation stops at the end of an answer in training", "[text]") {
  CHECK(stop_text(Template::kV1, true) == "</s>");
  CHECK(stop_text(Template::kLlavaV1, false) == "</s>");
  CHECK(stop_text(template_from_name("chatml"), true) == "<|im_end|>");
  CHECK(stop_text(Template::kPlain, true) == "\n");
  CHECK(stop_text(Template::kPlain, false).empty());
}

}  // namespace convllava::text
