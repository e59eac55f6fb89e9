#include "convllava/model/model_config.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "convllava/core/error.h"
#include "convllava/model/config_check.h"
#include "convllava/model/vision/convnext.h"

namespace convllava::model {
namespace {

// The small sizes start from nothing. With the defaults of large models (layer scale 1e-6, weights of 0.02) they would
// not notice the images: every part has to start with about unit gain, weights near 1 / sqrt(hidden_size).
constexpr double kFreshLayerScale = 1.0;

ModelConfig convllava_7b() {
  ModelConfig config;
  config.vision = std::make_shared<ConvNextConfig>();
  return config;
}

// 8 M parameters: 4.7 M tower, 0.2 M projector, 3.2 M language model.
ModelConfig small() {
  ConvNextConfig tower;
  tower.depths = {2, 2, 4, 2, 2};
  tower.hidden_sizes = {32, 64, 128, 256, 384};
  tower.layer_scale_init_value = kFreshLayerScale;
  ModelConfig config;
  config.vision = std::make_shared<ConvNextConfig>(tower);
  config.llm.vocab_size = 512;
  config.llm.hidden_size = 256;
  config.llm.intermediate_size = 688;
  config.llm.num_hidden_layers = 4;
  config.llm.num_attention_heads = 8;
  config.llm.num_key_value_heads = 4;
  config.llm.max_position_embeddings = 512;
  config.llm.initializer_range = 0.0625;
  return config;
}

// 2.1 M parameters: 1.5 M tower, 0.05 M projector, 0.5 M language model.
ModelConfig tiny() {
  ConvNextConfig tower;
  tower.depths = {1, 1, 2, 1, 1};
  tower.hidden_sizes = {32, 64, 128, 192, 256};
  tower.layer_scale_init_value = kFreshLayerScale;
  ModelConfig config;
  config.vision = std::make_shared<ConvNextConfig>(tower);
  config.llm.vocab_size = 768;
  config.llm.hidden_size = 128;
  config.llm.intermediate_size = 256;
  config.llm.num_hidden_layers = 2;
  config.llm.num_attention_heads = 4;
  config.llm.num_key_value_heads = 2;
  config.llm.max_position_embeddings = 512;
  config.llm.initializer_range = 0.08;
  return config;
}

struct Size {
  std::string_view name;
  ModelConfig (*make)();
};

// A named size is a row here.
constexpr Size kSizes[] = {{"convllava-7b", convllava_7b}, {"small", small}, {"tiny", tiny}};

}  // namespace

const std::vector<std::string>& model_size_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const auto& size : kSizes) all.emplace_back(size.name);
    return all;
  }();
  return names;
}

ModelConfig named_model_config(std::string_view name) {
  for (const auto& size : kSizes) {
    if (name == size.name) return size.make();
  }
  throw ConfigError("", "unknown model size", name, fmt::format("one of {}", fmt::join(model_size_names(), ", ")));
}

void validate(const LanguageConfig& llm, std::string_view where) {
  const ConfigCheck check(where);
  check.positive("vocab_size", llm.vocab_size);
  check.positive("hidden_size", llm.hidden_size);
  check.positive("intermediate_size", llm.intermediate_size);
  check.positive("num_hidden_layers", llm.num_hidden_layers);
  check.positive("num_attention_heads", llm.num_attention_heads);
  check.positive("num_key_value_heads", llm.num_key_value_heads);
  check.positive("max_position_embeddings", llm.max_position_embeddings);
  check.positive("rms_norm_eps", llm.rms_norm_eps);
  check.positive("rope_theta", llm.rope_theta);
  if (llm.hidden_size % llm.num_attention_heads != 0) {
    check.fail("num_attention_heads", "does not divide hidden_size", std::to_string(llm.num_attention_heads),
               fmt::format("a divisor of {}", llm.hidden_size));
  }
  if (llm.num_attention_heads % llm.num_key_value_heads != 0) {
    check.fail("num_key_value_heads", "does not divide num_attention_heads", std::to_string(llm.num_key_value_heads),
               fmt::format("a divisor of {}", llm.num_attention_heads));
  }
  if (llm.head_dim() % 2 != 0) {
    check.fail("hidden_size", "rotary positions need heads of even width", fmt::format("width {}", llm.head_dim()),
               "an even quotient of hidden_size and num_attention_heads");
  }
  if (llm.bos_token_id) check.token("bos_token_id", *llm.bos_token_id, llm.vocab_size);
  for (const int64_t token : llm.eos_token_id) check.token("eos_token_id", token, llm.vocab_size);
  if (llm.pad_token_id) check.token("pad_token_id", *llm.pad_token_id, llm.vocab_size);
}

void validate(const ModelConfig& config, std::string_view where) {
  if (!config.vision) ConfigCheck(where).fail("vision", "there is no vision tower", "", "a model with a vision tower");
  config.vision->validate(fmt::format("{}: vision", where));
  validate(config.llm, fmt::format("{}: llm", where));
}

const VisionConfig& ModelConfig::tower() const {
  if (!vision) throw DataError("model", "there is no vision tower", "an image", "text");
  return *vision;
}

bool ModelConfig::operator==(const ModelConfig& other) const {
  const bool same_tower = vision && other.vision ? vision->equals(*other.vision) : !vision && !other.vision;
  return same_tower && projector_type == other.projector_type && llm == other.llm;
}

}  // namespace convllava::model
