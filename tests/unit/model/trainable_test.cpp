#include "convllava/model/trainable.h"

#include "convllava/core/error.h"
#include "tests/catch.h"

using namespace convllava;

namespace {

const std::vector<std::string> kNames = {"vision_tower.embeddings.layernorm.weight",
                                         "vision_tower.encoder.stages.0.layers.0.dwconv.weight",
                                         "vision_tower.encoder.stages.2.layers.11.dwconv.weight",
                                         "vision_tower.encoder.stages.4.downsampling_layer.1.weight",
                                         "mm_projector.0.weight",
                                         "llm.model.embed_tokens.weight",
                                         "llm.model.layers.3.mlp.up_proj.weight",
                                         "llm.model.layers.30.mlp.up_proj.weight",
                                         "llm.model.norm.weight",
                                         "llm.lm_head.weight"};

std::vector<size_t> selected(const std::vector<std::string>& patterns) {
  std::vector<size_t> places;
  for (const auto& name : model::select_trainable(patterns, kNames)) {
    places.push_back(std::find(kNames.begin(), kNames.end(), name) - kNames.begin());
  }
  return places;
}

}  // namespace

TEST_CASE("patterns select parts of the model by the paper's names", "[model]") {
  using Places = std::vector<size_t>;
  CHECK(selected({"vision"}) == Places{0, 1, 2, 3});
  CHECK(selected({"vision.stem"}) == Places{0});
  CHECK(selected({"vision.stages.1"}) == Places{1});
  CHECK(selected({"vision.stages.3-5"}) == Places{2, 3});
  CHECK(selected({"vision.stages.3.layers.10-11"}) == Places{2});
  CHECK(selected({"vision.stages.2-5.layers.11"}) == Places{2});
  CHECK(selected({"projector", "vision.stages.5"}) == Places{3, 4});
  CHECK(selected({"llm"}) == Places{5, 6, 7, 8, 9});
  CHECK(selected({"llm.embed_tokens"}) == Places{5});
  CHECK(selected({"llm.layers.3"}) == Places{6});
  CHECK(selected({"llm.layers.0-30"}) == Places{6, 7});
  CHECK(selected({"llm.norm", "llm.lm_head"}) == Places{8, 9});
}

TEST_CASE("a pattern that is malformed or matches nothing is refused", "[model]") {
  const auto message = [](const std::string& pattern) {
    return testing::message_of<ConfigError>([&] { model::select_trainable({pattern}, kNames); });
  };
  CHECK_THAT(message("vison"),
             testing::contains("not a pattern of trainable parameters; got \"vison\"; expected vision,"));
  CHECK_THAT(message("vision.stages.x"), testing::contains("not a pattern"));
  CHECK_THAT(message("vision.stages.4"),
             testing::contains("covers no parameter of this model; got \"vision.stages.4\""));
}

TEST_CASE("a range that reaches beyond the model is refused", "[model]") {
  const auto expected = [](const std::string& pattern) {
    const auto text = testing::message_of<ConfigError>([&] {
      model::select_trainable({"projector", pattern}, kNames);
    });
    const std::string start = "trainable: the pattern reaches beyond this model; got \"" + pattern + "\"; expected ";
    REQUIRE(text.substr(0, start.size()) == start);
    return text.substr(start.size());
  };
  CHECK(expected("vision.stages.3-9") == "stages up to 5");
  CHECK(expected("vision.stages.3.layers.10-12") == "layers of these stages up to 11");
  CHECK(expected("vision.stages.1.layers.0-11") == "layers of these stages up to 0");
  CHECK(expected("llm.layers.0-31") == "layers up to 30");
}
