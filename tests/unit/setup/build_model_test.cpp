#include "convllava/setup/build_model.h"

#include "convllava/core/error.h"
#include "convllava/nn/libtorch.h"
#include "tests/catch.h"
#include "tests/support/errors.h"
#include "tests/support/tiny_model.h"

using namespace convllava;
using namespace convllava::setup;
using testing::Parts;
using testing::thrown;

TEST_CASE("a stage's shape is known before its previous stage has run", "[train]") {
  ModelSource source;
  source.size = "convllava-7b";
  source.from = "no/such/run";
  const auto shape = resolve_model_shape(source);
  CHECK(shape.vision->output_size() == 3072);
  source.size = "";
  CHECK(thrown<ConfigError>([&] { resolve_model_shape(source); }) ==
        Parts{.field = "model.from", .kind = "no such checkpoint, and no model.size", .got = "no/such/run"});
}

TEST_CASE("a size keeps its own layer scale unless another is given", "[train]") {
  ModelSource source;
  source.size = "tiny";
  CHECK(testing::convnext_of(resolve_model_shape(source).vision).layer_scale_init_value == 1);
  source.layer_scale_init_value = 1e-6;
  CHECK(testing::convnext_of(resolve_model_shape(source).vision).layer_scale_init_value == 1e-6);
}

TEST_CASE("the parameter table names each part once with what trains", "[train]") {
  model::ConvLlava model(model::named_model_config("convllava-7b"), torch::kMeta);
  set_trainable(*model, {"vision.stages.3-5", "projector", "llm"});
  optim::GroupOptions rates;
  rates.lr_per_module["vision"] = 1e-6;
  const auto table = parameter_table(*model, rates);
  CHECK_THAT(table, testing::contains("vision.stages.2          3,901,440       31          frozen\n"));
  CHECK_THAT(table, testing::contains("vision.stages.5        472,934,400       58     472,934,400     1e-06"));
  CHECK_THAT(table, testing::contains("total                7,436,945,600      693   7,432,116,224\n"));
}

TEST_CASE("the paper's trainable sets have the paper's sizes", "[train]") {
  model::ConvLlava model(model::named_model_config("convllava-7b"), torch::kMeta);
  const auto trainable = [&](const std::vector<std::string>& patterns) {
    set_trainable(*model, patterns);
    int64_t count = 0;
    for (const auto& parameter : model->parameters()) count += parameter.requires_grad() ? parameter.numel() : 0;
    return count;
  };
  CHECK(trainable({"vision.stages.5", "projector"}) == 502'302'720);
  CHECK(trainable({"vision.stages.3-5", "projector", "llm"}) == 7'432'116'224);
  CHECK(trainable({"projector", "llm"}) == 6'767'783'936);
}

TEST_CASE("a fresh model without a tokenizer is refused", "[train]") {
  ModelSource source;
  source.size = "tiny";
  CHECK(thrown<ConfigError>([&] { load_tokenizer(source); }) ==
        Parts{.field = "model.tokenizer", .kind = "a new model needs a tokenizer"});
}
