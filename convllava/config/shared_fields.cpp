#include "convllava/config/shared_fields.h"

#include <string>
#include <utility>
#include <vector>

namespace convllava::config {
namespace {

struct ImageFields {
  image::PreprocessOptions& options;

  void visit_fields(FieldVisitor& visitor) {
    visitor.fixed_on_resume().field(
        "size", options.size,
        "Side of the picture in pixels; with `native`, its short side. A tower of five stages makes one visual "
        "token of 64 x 64 pixels: 768 gives 144 tokens, 1024 gives 256, 1536 gives 576. "
        "Take a multiple of 64: the model does not see the rest.",
        {64, 16384});
    visitor.fixed_on_resume().choice<image::Aspect>(
        "aspect", options.aspect, {image::kAspectNames.begin(), image::kAspectNames.end()},
        "How a picture that is not square is brought to its size: `pad` adds a border of the mean colour, `native` "
        "keeps the aspect ratio and gives more tokens to long pictures, `crop` cuts the middle out.");
  }
};

}  // namespace

void visit_template(FieldVisitor& visitor, text::Template& value) {
  std::vector<std::pair<std::string, text::Template>> names;
  for (const auto& name : text::template_names()) {
    const text::Template meant = text::template_from_name(name);
    // One name each: a second name for the same template could not be told apart when it is written again.
    if (text::template_name(meant) == name) names.emplace_back(name, meant);
  }
  visitor.fixed_on_resume().choice(
      "template", value, names,
      "Text around questions and answers: `v1` is Vicuna's chat (the paper's in all stages), `llava_v1` the "
      "same with \"human\" for \"user\", `plain` a picture and its caption without any.");
}

void visit_image(FieldVisitor& visitor, image::PreprocessOptions& value) {
  ImageFields fields{value};
  visitor.section("image", fields, "How a picture becomes pixels.");
}

}  // namespace convllava::config
