#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "convllava/formats/config_fields.h"
#include "convllava/formats/language_format.h"
#include "convllava/formats/special_tokens.h"

// LLaMA's fields of config.json (transformers' LlamaConfig, of versions 4 and 5).

namespace convllava::formats {

LanguageFormat llama_format();

namespace {

using Json = nlohmann::ordered_json;

/// RoPE's base, from either generation of transformers' fields; scaled variants are refused.
double read_rope_theta(const checkpoint::JsonObject& file) {
  for (const char* field : {"rope_parameters", "rope_scaling"}) {
    const checkpoint::JsonObject rope = file.object(field);
    const std::string kind = rope.text("rope_type", rope.text("type", "default"));
    if (kind != "default") file.fail_value(field, "rope_type \"default\"");
  }
  const checkpoint::JsonObject rope = file.object("rope_parameters");
  return rope.has("rope_theta") ? rope.number("rope_theta") : file.number("rope_theta", 10000.0);
}

/// What LLaMA's descendants may switch on and this library's LLaMA does not have.
void refuse_variants(const checkpoint::JsonObject& file, const model::LanguageConfig& llm) {
  if (file.text("hidden_act", "silu") != "silu") file.fail_value("hidden_act", "\"silu\"");
  if (file.flag("attention_bias", false)) file.fail_value("attention_bias", "false");
  if (file.flag("mlp_bias", false)) file.fail_value("mlp_bias", "false");
  if (llm.num_attention_heads > 0 && file.whole("head_dim", llm.head_dim()) != llm.head_dim()) {
    file.fail_value("head_dim", fmt::format("hidden_size / num_attention_heads = {}", llm.head_dim()));
  }
}

model::LanguageConfig read_llama(const checkpoint::JsonObject& file, const std::filesystem::path& directory) {
  // Where a field may be absent, transformers' default takes its place.
  model::LanguageConfig llm;
  llm.vocab_size = read_size(file, "vocab_size", kMostTokens);
  llm.hidden_size = read_size(file, "hidden_size", kMostChannels);
  llm.intermediate_size = read_size(file, "intermediate_size", kMostChannels);
  llm.num_hidden_layers = read_size(file, "num_hidden_layers", kMostLayers);
  llm.num_attention_heads = file.whole("num_attention_heads");
  llm.num_key_value_heads = file.whole("num_key_value_heads", llm.num_attention_heads);
  llm.max_position_embeddings = file.whole("max_position_embeddings", 2048);
  llm.rms_norm_eps = file.number("rms_norm_eps", 1e-6);
  llm.rope_theta = read_rope_theta(file);
  llm.initializer_range = file.number("initializer_range", 0.02);
  llm.tie_word_embeddings = file.flag("tie_word_embeddings", false);
  validate_stored([&] { model::validate(llm, file.where()); });
  read_special_tokens(directory, llm);
  refuse_variants(file, llm);
  return llm;
}

std::string write_llama(const model::LanguageConfig& llm) {
  const Json json = {{"vocab_size", llm.vocab_size},
                     {"hidden_size", llm.hidden_size},
                     {"intermediate_size", llm.intermediate_size},
                     {"num_hidden_layers", llm.num_hidden_layers},
                     {"num_attention_heads", llm.num_attention_heads},
                     {"num_key_value_heads", llm.num_key_value_heads},
                     {"head_dim", llm.head_dim()},
                     {"hidden_act", "silu"},
                     {"max_position_embeddings", llm.max_position_embeddings},
                     {"rms_norm_eps", llm.rms_norm_eps},
                     {"rope_theta", llm.rope_theta},
                     {"rope_scaling", nullptr},
                     {"initializer_range", llm.initializer_range},
                     {"tie_word_embeddings", llm.tie_word_embeddings},
                     {"attention_bias", false},
                     {"attention_dropout", 0.0},
                     {"mlp_bias", false},
                     {"pretraining_tp", 1},
                     {"use_cache", true}};
  return json.dump();
}

}  // namespace

LanguageFormat llama_format() {
  return {.model_type = "llama",
          .llava_model_types = {"llava", "llava_llama"},
          .architecture = "LlamaForCausalLM",
          .llava_architecture = "LlavaLlamaForCausalLM",
          .read_config = read_llama,
          .write_config = write_llama};
}

}  // namespace convllava::formats
