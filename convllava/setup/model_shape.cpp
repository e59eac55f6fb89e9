#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>

#include "convllava/checkpoint/file_access.h"
#include "convllava/checkpoint/run_folder.h"
#include "convllava/core/error.h"
#include "convllava/formats/model_directory.h"
#include "convllava/formats/open_checkpoint.h"
#include "convllava/model/vision/convnext.h"
#include "convllava/setup/build_model.h"

namespace convllava::setup {
namespace {

std::string token_text(const std::optional<int64_t>& token) { return token ? std::to_string(*token) : "none"; }

/// Refuses a checkpoint that is not of the size that is asked for, naming the first number.
void require_size(const ModelSource& source, const model::ModelConfig& named, const model::ModelConfig& saved) {
  const auto require = [&](const std::string& field, const auto& wanted, const auto& found) {
    if (wanted == found) return;
    throw ConfigError({"", "model.size"}, "differs from the checkpoint in model.from",
                      fmt::format("{} {} of {}", field, wanted, source.size),
                      fmt::format("{} as in {}: the size of the checkpoint, or none", found, source.from));
  };
  const auto wanted = named.tower().shape_numbers();
  const auto found = saved.vision ? saved.vision->shape_numbers() : decltype(wanted){};
  require("vision model_type", named.tower().model_type(), saved.vision ? saved.vision->model_type() : "none");
  for (size_t i = 0; i < wanted.size(); ++i) {
    require("vision " + wanted[i].first, wanted[i].second, found[i].second);
  }
  const model::LanguageConfig& llm = named.llm;
  const model::LanguageConfig& other = saved.llm;
  require("model_type", llm.model_type, other.model_type);
  require("vocab_size", llm.vocab_size, other.vocab_size);
  require("hidden_size", llm.hidden_size, other.hidden_size);
  require("intermediate_size", llm.intermediate_size, other.intermediate_size);
  require("num_hidden_layers", llm.num_hidden_layers, other.num_hidden_layers);
  require("num_attention_heads", llm.num_attention_heads, other.num_attention_heads);
  require("num_key_value_heads", llm.num_key_value_heads, other.num_key_value_heads);
  require("max_position_embeddings", llm.max_position_embeddings, other.max_position_embeddings);
  require("rms_norm_eps", llm.rms_norm_eps, other.rms_norm_eps);
  require("rope_theta", llm.rope_theta, other.rope_theta);
  require("initializer_range", llm.initializer_range, other.initializer_range);
  require("tie_word_embeddings", llm.tie_word_embeddings, other.tie_word_embeddings);
  require("bos_token_id", token_text(llm.bos_token_id), token_text(other.bos_token_id));
  require("eos_token_id", llm.eos_token_id, other.eos_token_id);
  require("pad_token_id", token_text(llm.pad_token_id), token_text(other.pad_token_id));
}

/// The stages of a directory are the first of the tower, and a start of the layer scale is for stages beyond them.
void require_leading_stages(const ModelSource& source, const model::ConvNextConfig& tower,
                            const model::ConvNextConfig& stored) {
  const auto leads = [](const std::vector<int64_t>& part, const std::vector<int64_t>& whole) {
    return part.size() <= whole.size() && std::equal(part.begin(), part.end(), whole.begin());
  };
  if (!leads(stored.depths, tower.depths) || !leads(stored.hidden_sizes, tower.hidden_sizes)) {
    throw ConfigError(
        {"", "model.vision_from"}, "its stages differ from the first stages of the tower",
        fmt::format("depths {} and hidden sizes {} in {}", stored.depths, stored.hidden_sizes, source.vision_from),
        fmt::format("the first of {} and {} (model.size, vision_depths, vision_hidden_sizes)", tower.depths,
                    tower.hidden_sizes));
  }
  const bool all = stored.num_stages() == tower.num_stages();
  if (all && source.layer_scale_init_value > 0) {
    throw ConfigError({"", "model.layer_scale_init_value"},
                      "has no effect: model.vision_from has every stage of the tower",
                      fmt::format("{}", source.layer_scale_init_value), "no value");
  }
  if (!all && source.layer_scale_init_value == 0 && stored.layer_scale_init_value != tower.layer_scale_init_value) {
    throw ConfigError({"", "model.layer_scale_init_value"},
                      "model.size and model.vision_from have different values. Set one for the new stages",
                      fmt::format("{} of {} and {} of {}", tower.layer_scale_init_value, source.size,
                                  stored.layer_scale_init_value, source.vision_from),
                      "one value");
  }
}

const model::ConvNextConfig* as_convnext(const model::VisionConfigPtr& tower) {
  return dynamic_cast<const model::ConvNextConfig*>(tower.get());
}

/// `tower` as the directory and the configuration change it. What no field of the configuration says, the size of
/// patches and the epsilon of the norms, is the directory's.
model::ConvNextConfig resolve_convnext(const ModelSource& source, model::ConvNextConfig tower,
                                       const model::ConvNextConfig* stored) {
  if (stored != nullptr) {
    if (source.size.empty()) tower = *stored;
    tower.patch_size = stored->patch_size;
    tower.layer_norm_eps = stored->layer_norm_eps;
  }
  if (!source.vision_depths.empty()) tower.depths = source.vision_depths;
  if (!source.vision_hidden_sizes.empty()) tower.hidden_sizes = source.vision_hidden_sizes;
  if (source.layer_scale_init_value > 0) tower.layer_scale_init_value = source.layer_scale_init_value;
  if (stored != nullptr) require_leading_stages(source, tower, *stored);
  return tower;
}

/// Towers of other families are as their directory or the size says.
model::VisionConfigPtr resolve_other(const ModelSource& source, const model::VisionConfigPtr& named,
                                     const model::VisionConfigPtr& stored) {
  const auto& tower = stored ? stored : named;
  for (const auto& [field, given] : {std::pair("model.vision_depths", !source.vision_depths.empty()),
                                     std::pair("model.vision_hidden_sizes", !source.vision_hidden_sizes.empty()),
                                     std::pair("model.layer_scale_init_value", source.layer_scale_init_value > 0)}) {
    if (given) throw ConfigError({"", field}, "is an option of ConvNeXt", tower->model_type(), "no value");
  }
  if (named && stored && named->shape_numbers() != stored->shape_numbers()) {
    throw ConfigError({"", "model.vision_from"}, "its tower is not that of model.size",
                      fmt::format("{} in {}", stored->model_type(), source.vision_from),
                      fmt::format("{} of {}; or no model.size, and the shapes of vision_from and llm_from",
                                  named->model_type(), source.size));
  }
  return tower;
}

/// `named`: of the size or of the checkpoint; null where there is neither.
model::VisionConfigPtr resolve_tower(const ModelSource& source, const model::VisionConfigPtr& named) {
  model::VisionConfigPtr stored;
  if (!source.vision_from.empty() && checkpoint::path_exists(source.vision_from)) {
    stored = formats::read_vision_config(formats::find_checkpoint(source.vision_from));
  }
  const bool is_convnext = (!named || as_convnext(named)) && (!stored || as_convnext(stored));
  if (!is_convnext) return resolve_other(source, named, stored);
  const auto start = named ? *as_convnext(named) : model::ConvNextConfig();
  return std::make_shared<model::ConvNextConfig>(resolve_convnext(source, start, as_convnext(stored)));
}

}  // namespace

model::ModelConfig resolve_model_shape(const ModelSource& source) {
  model::ModelConfig shape;
  if (!source.size.empty()) shape = model::named_model_config(source.size);
  if (!source.from.empty() && checkpoint::path_exists(source.from)) {
    const auto saved = formats::read_model_config(formats::find_checkpoint(source.from));
    if (!source.size.empty()) require_size(source, shape, saved);
    shape = saved;
  } else if (source.size.empty() && source.llm_from.empty()) {
    throw ConfigError({"", "model.from"}, "no such checkpoint, and no model.size", source.from,
                      "an existing directory");
  }
  if (!source.llm_from.empty() && checkpoint::path_exists(source.llm_from)) {
    shape.llm = formats::read_language_config(formats::find_checkpoint(source.llm_from));
  }
  if (source.from.empty() || shape.vision) shape.vision = resolve_tower(source, shape.vision);
  model::validate(shape, "model");
  return shape;
}

}  // namespace convllava::setup
