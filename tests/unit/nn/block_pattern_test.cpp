#include "convllava/nn/block_pattern.h"

#include "convllava/core/error.h"
#include "tests/catch.h"

using namespace convllava;

namespace {

std::vector<nn::Block> blocks() {
  std::vector<nn::Block> blocks;
  for (const char* path :
       {"vision.stem", "vision.stages.1.layers.0", "vision.stages.3.layers.11", "vision.stages.5.downsampling_layer",
        "projector", "llm.embed_tokens", "llm.layers.3", "llm.layers.30", "llm.norm", "llm.lm_head"}) {
    blocks.push_back({.name = "", .path = path});
  }
  return blocks;
}

std::vector<size_t> selected(const std::vector<std::string>& patterns) {
  const auto flags = nn::select(patterns, blocks(), "trainable");
  std::vector<size_t> places;
  for (size_t i = 0; i < flags.size(); ++i) {
    if (flags[i]) places.push_back(i);
  }
  return places;
}

/// {kind, expected} of the error.
std::pair<std::string, std::string> refusal(const std::string& pattern) {
  try {
    nn::select({"projector", pattern}, blocks(), "trainable");
  } catch (const ConfigError& error) {
    CHECK(error.place().field == "trainable");
    CHECK(error.got() == "\"" + pattern + "\"");
    return {error.kind(), error.expected()};
  }
  return {};
}

}  // namespace

TEST_CASE("patterns select parts of the model by the paper's names", "[nn]") {
  using Places = std::vector<size_t>;
  CHECK(selected({"vision"}) == Places{0, 1, 2, 3});
  CHECK(selected({"vision.stem"}) == Places{0});
  CHECK(selected({"vision.stages.1"}) == Places{1});
  CHECK(selected({"vision.stages.3-5"}) == Places{2, 3});
  CHECK(selected({"vision.stages.3.layers.11"}) == Places{2});
  CHECK(selected({"vision.stages.2-5.layers.11"}) == Places{2});
  CHECK(selected({"projector", "vision.stages.5"}) == Places{3, 4});
  CHECK(selected({"llm"}) == Places{5, 6, 7, 8, 9});
  CHECK(selected({"llm.embed_tokens"}) == Places{5});
  CHECK(selected({"llm.layers.3"}) == Places{6});
  CHECK(selected({"llm.layers.3-30"}) == Places{6, 7});
  CHECK(selected({"llm.norm", "llm.lm_head"}) == Places{8, 9});
}

TEST_CASE("a malformed pattern is rejected", "[nn]") {
  for (const char* pattern : {"", "vision.", ".llm", "vision stages", "vision.stages.3-1", "vision.stages.1-2-3", "7",
                              "llm.layers.x-2", "llm.layers.-1"}) {
    INFO(pattern);
    CHECK(refusal(pattern).first == "not a pattern");
  }
}

TEST_CASE("a pattern that selects nothing is rejected with those of the model", "[nn]") {
  for (const char* pattern : {"vison", "vision.stages.x", "vision.stages.4", "vision.stages.4.layers.0", "llm.layer"}) {
    INFO(pattern);
    CHECK(refusal(pattern) == std::pair<std::string, std::string>{
                                  "the pattern selects nothing in this model",
                                  "one of vision, vision.stem, vision.stages.1-5, projector, llm, llm.embed_tokens, "
                                  "llm.layers.3-30, llm.norm, llm.lm_head"});
  }
}

TEST_CASE("a range that reaches beyond the model is rejected", "[nn]") {
  const auto expected = [](const std::string& pattern) {
    const auto [kind, limit] = refusal(pattern);
    CHECK(kind == "the pattern reaches beyond this model");
    return limit;
  };
  CHECK(expected("vision.stages.3-9") == "stages 1 to 5");
  CHECK(expected("vision.stages.3.layers.10-12") == "layers 11 to 11");
  CHECK(expected("vision.stages.1.layers.0-11") == "layers 0 to 0");
  CHECK(expected("llm.layers.3-31") == "layers 3 to 30");
  CHECK(expected("llm.layers.40") == "layers 3 to 30");
  CHECK(expected("llm.layers.99999") == "layers 3 to 30");
  CHECK(expected("vision.stages.0-3") == "stages 1 to 5");
}
