#include "convllava/model/model_config.h"

#include "convllava/core/error.h"
#include "convllava/model/connector.h"
#include "convllava/model/language/language_model.h"
#include "convllava/model/vision/convnext.h"
#include "tests/catch.h"
#include "tests/support/errors.h"
#include "tests/support/tiny_model.h"

namespace convllava::model {
namespace {

using convllava::testing::convnext_of;
using convllava::testing::Parts;
using convllava::testing::thrown;

constexpr const char* kUnknownModelSize = "unknown model size";

// Counted from the shapes.
int64_t parameters(const ConvNextConfig& vision) {
  const auto& widths = vision.hidden_sizes;
  int64_t count = 3 * vision.patch_size * vision.patch_size * widths[0] + 3 * widths[0];
  for (size_t i = 0; i < widths.size(); ++i) {
    count += vision.depths[i] * (8 * widths[i] * widths[i] + 58 * widths[i]);
    if (i > 0) count += 2 * widths[i - 1] + 4 * widths[i - 1] * widths[i] + widths[i];
  }
  return count;
}

int64_t parameters(const LanguageConfig& llm) {
  const int64_t kv_width = llm.num_key_value_heads * llm.head_dim();
  const int64_t layer = 2 * llm.hidden_size * (llm.hidden_size + kv_width) +
                        3 * llm.hidden_size * llm.intermediate_size + 2 * llm.hidden_size;
  return llm.num_hidden_layers * layer + llm.hidden_size + 2 * llm.vocab_size * llm.hidden_size;
}

int64_t parameters(const ModelConfig& config) {
  const int64_t hidden = config.llm.hidden_size;
  const int64_t projector = config.vision->output_size() * hidden + hidden + hidden * hidden + hidden;
  return parameters(convnext_of(config.vision)) + projector + parameters(config.llm);
}

ConfigError refusal(const LanguageConfig& config, std::string_view where = "config.json") {
  return thrown<ConfigError>([&] { validate(config, where); });
}

}  // namespace

TEST_CASE("convllava-7b has the published number of parameters", "[config]") {
  const ModelConfig config = named_model_config("convllava-7b");
  CHECK(parameters(convnext_of(config.vision)) == 669161664);
  CHECK(parameters(config.llm) == 6738415616);
  CHECK(parameters(config) == 7436945600);
  CHECK(convnext_of(config.vision).layer_scale_init_value == 1e-6);
}

TEST_CASE("the sizes for a CPU stay small", "[config]") {
  CHECK(parameters(named_model_config("small")) > 5'000'000);
  CHECK(parameters(named_model_config("small")) < 10'000'000);
  CHECK(parameters(named_model_config("tiny")) > 1'500'000);
  CHECK(parameters(named_model_config("tiny")) < 2'200'000);
}

TEST_CASE("every named size is consistent and makes one token of 64 x 64 pixels", "[config]") {
  for (const auto& name : model_size_names()) {
    INFO(name);
    const ModelConfig config = named_model_config(name);
    CHECK_NOTHROW(validate(config, name));
    CHECK(convnext_of(config.vision).total_stride() == 64);
    CHECK(config.vision->num_tokens(1536, 2048) == 768);
  }
}

TEST_CASE("an unknown size is refused with the nearest", "[config]") {
  CHECK(thrown<ConfigError>([] { named_model_config("convlava-7b"); }) ==
        Parts{.kind = kUnknownModelSize, .got = "convlava-7b", .expected = "one of convllava-7b, small, tiny"});
  CHECK(thrown<ConfigError>([] { named_model_config("enormous"); }) ==
        Parts{.kind = kUnknownModelSize, .got = "enormous", .expected = "one of convllava-7b, small, tiny"});
}

TEST_CASE("towers whose numbers do not fit together are refused", "[config]") {
  ConvNextConfig tower;
  const auto refusal = [&](std::string_view where = "config.json") {
    return thrown<ConfigError>([&] { tower.validate(where); });
  };
  tower.depths = {3, 3, 27, 3};
  CHECK(refusal() == Parts{.where = "config.json",
                           .field = "hidden_sizes",
                           .kind = "not as many as depths",
                           .got = "5",
                           .expected = "4"});
  tower.depths = {};
  CHECK(refusal() == Parts{.where = "config.json",
                           .field = "depths",
                           .kind = "the tower has no stages",
                           .expected = "at least one depth"});
  tower.depths = {3, 3, 0, 3, 6};
  CHECK(refusal("") == Parts{.field = "depths", .got = "0", .expected = "at least 1"});
  tower = {};
  tower.hidden_sizes[0] = -1;
  CHECK(refusal() == Parts{.where = "config.json", .field = "hidden_sizes", .got = "-1", .expected = "at least 1"});
  tower = {};
  tower.depths.assign(13, 1);
  tower.hidden_sizes.assign(13, 8);
  CHECK(
      refusal() ==
      Parts{
          .where = "config.json", .field = "depths", .kind = "too many stages", .got = "13", .expected = "at most 12"});
  tower = {};
  tower.patch_size = 0;
  CHECK(refusal() == Parts{.where = "config.json", .field = "patch_size", .got = "0", .expected = "at least 1"});
  tower = {};
  tower.layer_norm_eps = 0;
  CHECK(refusal() == Parts{.where = "config.json", .field = "layer_norm_eps", .got = "0", .expected = "more than 0"});
}

TEST_CASE("a model to train needs a vision tower", "[config]") {
  CHECK(thrown<ConfigError>([] { validate(ModelConfig(), "model"); }) ==
        Parts{.where = "model", .field = "vision", .kind = "there is no vision tower"});
}

TEST_CASE("an unknown family or connector is refused with the names that there are", "[config]") {
  LanguageConfig llm;
  llm.model_type = "mamba";
  CHECK(thrown<ConfigError>([&] { make_language_model(llm, torch::kMeta); }) ==
        Parts{.field = "model_type", .kind = "unknown name", .got = "mamba", .expected = "one of llama"});
  CHECK(thrown<ConfigError>([] { make_connector("resampler", 4, 4, torch::kMeta); }) ==
        Parts{.field = "mm_projector_type", .got = "resampler", .expected = "one of mlp2x_gelu"});
}

TEST_CASE("language models whose numbers do not fit together are refused", "[config]") {
  LanguageConfig config;
  config.num_attention_heads = 30;
  CHECK(refusal(config) == Parts{.where = "config.json",
                                 .field = "num_attention_heads",
                                 .kind = "does not divide hidden_size",
                                 .got = "30",
                                 .expected = "a divisor of 4096"});
  config = {};
  config.num_key_value_heads = 5;
  CHECK(refusal(config) == Parts{.where = "config.json",
                                 .field = "num_key_value_heads",
                                 .kind = "does not divide num_attention_heads",
                                 .got = "5",
                                 .expected = "a divisor of 32"});
  config = {};
  config.hidden_size = 96;
  CHECK(refusal(config) == Parts{.where = "config.json",
                                 .field = "hidden_size",
                                 .kind = "rotary positions need heads of even width",
                                 .got = "width 3",
                                 .expected = "an even quotient of hidden_size and num_attention_heads"});
  config = {};
  config.vocab_size = 0;
  CHECK(refusal(config) == Parts{.where = "config.json", .field = "vocab_size", .got = "0", .expected = "at least 1"});
  config = {};
  config.eos_token_id = {2, 32000};
  CHECK(refusal(config) ==
        Parts{.where = "config.json", .field = "eos_token_id", .got = "32000", .expected = "0 to 31999"});
  config = {};
  config.rope_theta = -1;
  CHECK(refusal(config) ==
        Parts{.where = "config.json", .field = "rope_theta", .got = "-1", .expected = "more than 0"});
}

}  // namespace convllava::model
