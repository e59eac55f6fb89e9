#include "convllava/model/model_config.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "convllava/core/error.h"

namespace convllava::model {
namespace {

// The small sizes start from nothing. With the defaults of large models (layer scale 1e-6, weights of 0.02) they would
// not notice the images: every part has to start with about unit gain, weights near 1 / sqrt(hidden_size).
constexpr double kFreshLayerScale = 1.0;

// 8 M parameters: 4.7 M tower, 0.2 M projector, 3.2 M language model.
ModelConfig small() {
  ModelConfig config;
  config.vision.depths = {2, 2, 4, 2, 2};
  config.vision.hidden_sizes = {32, 64, 128, 256, 384};
  config.vision.layer_scale_init_value = kFreshLayerScale;
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
  ModelConfig config;
  config.vision.depths = {1, 1, 2, 1, 1};
  config.vision.hidden_sizes = {32, 64, 128, 192, 256};
  config.vision.layer_scale_init_value = kFreshLayerScale;
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

class Checker {
 public:
  explicit Checker(std::string_view where) : where_(where) {}

  void positive(const char* field, int64_t value) const {
    if (value < 1) fail(field, "out of range", std::to_string(value), "at least 1");
  }
  void positive(const char* field, double value) const {
    if (!(value > 0)) fail(field, "out of range", fmt::format("{}", value), "more than 0");
  }
  /// A token id of the vocabulary.
  void token(const char* field, int64_t value, int64_t vocab_size) const {
    if (value < 0 || value >= vocab_size) {
      fail(field, "not in the vocabulary", std::to_string(value), fmt::format("0 to {}", vocab_size - 1));
    }
  }
  [[noreturn]] void fail(const std::string& field, std::string_view what, std::string_view got,
                         std::string_view expected) const {
    throw ConfigError({where_, field}, what, got, expected);
  }

 private:
  std::string_view where_;
};

void check_vision(const VisionConfig& vision, const Checker& check) {
  if (vision.depths.empty()) check.fail("vision.depths", "the tower has no stages", "", "at least one depth");
  if (vision.depths.size() != vision.hidden_sizes.size()) {
    check.fail("vision.hidden_sizes", "not as many as vision.depths", std::to_string(vision.hidden_sizes.size()),
               std::to_string(vision.depths.size()));
  }
  if (vision.num_stages() > VisionConfig::kMostStages) {
    check.fail("vision.depths", "too many stages", std::to_string(vision.num_stages()),
               fmt::format("at most {}", VisionConfig::kMostStages));
  }
  for (const int64_t depth : vision.depths) check.positive("vision.depths", depth);
  for (const int64_t width : vision.hidden_sizes) check.positive("vision.hidden_sizes", width);
  check.positive("vision.patch_size", vision.patch_size);
  check.positive("vision.layer_norm_eps", vision.layer_norm_eps);
}

void check_llm(const LlamaConfig& llm, const Checker& check) {
  check.positive("llm.vocab_size", llm.vocab_size);
  check.positive("llm.hidden_size", llm.hidden_size);
  check.positive("llm.intermediate_size", llm.intermediate_size);
  check.positive("llm.num_hidden_layers", llm.num_hidden_layers);
  check.positive("llm.num_attention_heads", llm.num_attention_heads);
  check.positive("llm.num_key_value_heads", llm.num_key_value_heads);
  check.positive("llm.max_position_embeddings", llm.max_position_embeddings);
  check.positive("llm.rms_norm_eps", llm.rms_norm_eps);
  check.positive("llm.rope_theta", llm.rope_theta);
  if (llm.hidden_size % llm.num_attention_heads != 0) {
    check.fail("llm.num_attention_heads", "does not divide llm.hidden_size", std::to_string(llm.num_attention_heads),
               fmt::format("a divisor of {}", llm.hidden_size));
  }
  if (llm.num_attention_heads % llm.num_key_value_heads != 0) {
    check.fail("llm.num_key_value_heads", "does not divide llm.num_attention_heads",
               std::to_string(llm.num_key_value_heads), fmt::format("a divisor of {}", llm.num_attention_heads));
  }
  if (llm.head_dim() % 2 != 0) {
    check.fail("llm.hidden_size", "rotary positions need heads of even width", fmt::format("width {}", llm.head_dim()),
               "an even quotient of llm.hidden_size and llm.num_attention_heads");
  }
  if (llm.bos_token_id) check.token("llm.bos_token_id", *llm.bos_token_id, llm.vocab_size);
  for (const int64_t token : llm.eos_token_id) check.token("llm.eos_token_id", token, llm.vocab_size);
  if (llm.pad_token_id) check.token("llm.pad_token_id", *llm.pad_token_id, llm.vocab_size);
}

}  // namespace

const std::vector<std::string>& model_size_names() {
  static const std::vector<std::string> names = {"convllava-7b", "small", "tiny"};
  return names;
}

ModelConfig named_model_config(std::string_view name) {
  if (name == "convllava-7b") return {};
  if (name == "small") return small();
  if (name == "tiny") return tiny();
  throw ConfigError("", "unknown model size", name, fmt::format("one of {}", fmt::join(model_size_names(), ", ")));
}

void validate(const ModelConfig& config, std::string_view where) {
  const Checker check(where);
  check_vision(config.vision, check);
  check_llm(config.llm, check);
}

}  // namespace convllava::model
