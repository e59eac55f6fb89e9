#include "convllava/stage/check_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>

#include "convllava/config/yaml.h"
#include "convllava/core/error.h"
#include "convllava/core/paths.h"
#include "convllava/core/suggest.h"
#include "convllava/model/model_config.h"
#include "convllava/model/vision/convnext.h"
#include "convllava/nn/block_pattern.h"

namespace convllava::stage {
namespace {

namespace fs = std::filesystem;

const std::vector<std::string>& module_names() {
  static const std::vector<std::string> names = {"vision", "projector", "llm"};
  return names;
}

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string source_field(size_t index, const char* list) { return fmt::format("data.{}.{}", list, index); }

class Checker {
 public:
  Checker(const RunConfig& config, const std::string& where, const config::Origins& origins)
      : config_(config), where_(where), origins_(origins) {}

  void check_all() const {
    if (config_.output_dir.empty()) fail("output_dir", "not given", "", "the folder that the run writes to");
    check_model();
    check_trainable();
    check_sources();
    check_lengths();
    check_optimization();
    check_validation();
  }

 private:
  [[noreturn]] void fail(const std::string& field, std::string_view what, std::string_view got,
                         std::string_view expected) const {
    throw ConfigError({config::origin_of(field, where_, origins_), field}, what, got, expected);
  }

  void check_model() const {
    const setup::ModelSource& model = config_.model;
    if (!model.size.empty() && !contains(model::model_size_names(), model.size)) {
      fail("model.size", "unknown model size", model.size, core::one_of(model::model_size_names(), model.size));
    }
    if (!model.from.empty()) {
      check_previous_stage();
      return;
    }
    const bool tower =
        !model.vision_from.empty() || (!model.vision_depths.empty() && !model.vision_hidden_sizes.empty());
    if (model.size.empty() && !(tower && !model.llm_from.empty())) {
      fail("model", "the model is not given", "", "size, or from, or vision_from and llm_from");
    }
    if (model.llm_from.empty() && model.tokenizer.empty()) {
      fail("model.tokenizer", "not given, and there is no llm_from to take it from", "", "a tokenizer.model file");
    }
    check_tower_shape();
  }

  void check_previous_stage() const {
    const setup::ModelSource& model = config_.model;
    constexpr const char* kExpected = "only size beside from";
    constexpr const char* kWhat = "cannot be combined with model.from, which gives every part";
    if (!model.vision_from.empty()) fail("model.vision_from", kWhat, model.vision_from, kExpected);
    if (!model.llm_from.empty()) fail("model.llm_from", kWhat, model.llm_from, kExpected);
    if (!model.tokenizer.empty()) fail("model.tokenizer", kWhat, model.tokenizer, kExpected);
    if (!model.vision_depths.empty()) fail("model.vision_depths", kWhat, "", kExpected);
    if (!model.vision_hidden_sizes.empty()) fail("model.vision_hidden_sizes", kWhat, "", kExpected);
    if (model.layer_scale_init_value > 0) {
      fail("model.layer_scale_init_value", kWhat, fmt::format("{}", model.layer_scale_init_value), kExpected);
    }
    const fs::path from = core::real_path(model.from);
    const fs::path own = core::real_path(config_.output_dir);
    if (from == own || from.parent_path() == own) {
      fail("output_dir", "holds the checkpoint that the run starts from", config_.output_dir, "another folder");
    }
  }

  /// The lists that the configuration gives; planned_model checks the rest, with what the directories say.
  void check_tower_shape() const {
    const setup::ModelSource& model = config_.model;
    if (model.vision_depths.empty() && model.vision_hidden_sizes.empty()) return;
    // The strides of more stages would not fit into a number: nothing below may ask for them.
    constexpr auto kMost = static_cast<size_t>(model::ConvNextConfig::kMostStages);
    size_t depths = model.vision_depths.size();
    size_t widths = model.vision_hidden_sizes.size();
    if (depths > kMost || widths > kMost) {
      fail(depths > kMost ? "model.vision_depths" : "model.vision_hidden_sizes", "too many stages",
           std::to_string(std::max(depths, widths)), fmt::format("at most {}", kMost));
    }
    if (const auto named = named_convnext()) {
      if (depths == 0) depths = named->depths.size();
      if (widths == 0) widths = named->hidden_sizes.size();
    }
    if (depths != widths) {
      fail(model.vision_depths.empty() ? "model.vision_hidden_sizes" : "model.vision_depths",
           "depths and hidden sizes of the tower are not of equal length",
           fmt::format("{} depths and {} hidden sizes", depths, widths), "one of each per stage");
    }
  }

  /// Of `model.size`, where its tower is a ConvNeXt.
  std::shared_ptr<const model::ConvNextConfig> named_convnext() const {
    if (config_.model.size.empty()) return nullptr;
    return std::dynamic_pointer_cast<const model::ConvNextConfig>(model::named_model_config(config_.model.size).vision);
  }

  void check_trainable() const {
    if (config_.trainable.empty()) fail("trainable", "nothing to train", "", "for example [projector, llm]");
    for (size_t i = 0; i < config_.trainable.size(); ++i) {
      const std::string& pattern = config_.trainable[i];
      const std::string module = pattern.substr(0, pattern.find('.'));
      if (!contains(module_names(), module)) {
        fail(fmt::format("trainable.{}", i), "unknown part of the model", pattern,
             core::one_of(module_names(), module));
      }
      try {
        nn::check_pattern(pattern, "trainable");
      } catch (const ConfigError& error) {
        fail(fmt::format("trainable.{}", i), error.kind(), error.got(), error.expected());
      }
    }
    check_modules("train.lr_per_module", config_.train.lr_per_module);
    check_modules("train.weight_decay_per_module", config_.train.weight_decay_per_module);
    check_learning_rates();
  }

  void check_learning_rates() const {
    const auto& own = config_.train.lr_per_module;
    for (const auto& module : module_names()) {
      const auto found = own.find(module);
      if (!is_trained(module) || (found == own.end() ? config_.train.lr : found->second) > 0) continue;
      fail(found == own.end() ? "train.lr" : "train.lr_per_module." + module, "a learning rate of 0 trains nothing",
           "0", "a rate above 0, or `trainable` without " + module);
    }
  }

  bool is_trained(const std::string& module) const {
    return std::any_of(config_.trainable.begin(), config_.trainable.end(),
                       [&](const auto& pattern) { return pattern.substr(0, pattern.find('.')) == module; });
  }

  void check_modules(const std::string& field, const std::map<std::string, double>& values) const {
    for (const auto& [module, value] : values) {
      const std::string entry = field + "." + module;
      if (!contains(module_names(), module))
        fail(entry, "unknown module", module, core::one_of(module_names(), module));
      if (!is_trained(module)) {
        fail(entry, "would have no effect: this module is not in `trainable`", module,
             "a module of " + core::join(config_.trainable));
      }
    }
  }

  void check_sources() const {
    const DataConfig& data = config_.data;
    if (data.train.empty()) fail("data.train", "no data to train on", "", "a list of sets, each with its annotations");
    bool used = false;
    for (size_t i = 0; i < data.train.size(); ++i) {
      check_annotations("train", i, data.train[i]);
      used = used || data.train[i].weight > 0;
    }
    if (!used) fail("data.train", "every set has weight 0", "", "a positive weight");
    for (size_t i = 0; i < data.validation.size(); ++i) {
      check_annotations("validation", i, data.validation[i]);
      if (data.validation[i].weight != 1) {
        fail(source_field(i, "validation") + ".weight", "validation sets are used whole",
             fmt::format("{}", data.validation[i].weight), "no weight");
      }
    }
  }

  void check_annotations(const char* list, size_t index, const data::DataSource& source) const {
    if (source.annotations.empty()) {
      fail(source_field(index, list) + ".annotations", "not given", "", "a file of LLaVA annotations");
    }
  }

  /// The shape of the tower where the configuration alone decides it.
  model::VisionConfigPtr tower() const {
    const setup::ModelSource& model = config_.model;
    if (model.vision_depths.empty()) {
      return model.size.empty() ? nullptr : model::named_model_config(model.size).vision;
    }
    if (!model.from.empty() && model.size.empty()) return nullptr;
    const auto named = named_convnext();
    auto vision = named ? *named : model::ConvNextConfig();
    vision.depths = model.vision_depths;
    return std::make_shared<model::ConvNextConfig>(vision);
  }

  void check_lengths() const {
    const DataConfig& data = config_.data;
    if (const auto vision = tower()) {
      check_images(*vision, config_, [&](const auto& field) { return config::origin_of(field, where_, origins_); });
    }
    const setup::ModelSource& model = config_.model;
    if (model.size.empty() || !model.llm_from.empty() || !model.from.empty()) return;
    const int64_t positions = model::named_model_config(model.size).llm.max_position_embeddings;
    if (data.max_length > positions) {
      fail("data.max_length", "more than the positions of the language model", std::to_string(data.max_length),
           fmt::format("at most {} for {}", positions, model.size));
    }
  }

  void check_optimization() const {
    const OptimizationConfig& train = config_.train;
    if (train.global_batch_size < train.micro_batch_size) {
      fail("train.micro_batch_size", "more than train.global_batch_size", std::to_string(train.micro_batch_size),
           fmt::format("at most {}", train.global_batch_size));
    }
    if (!train.betas.empty() && train.betas.size() != 2) {
      fail("train.betas", "not two numbers", fmt::format("{}", train.betas.size()), "two, for example [0.9, 0.999]");
    }
    check_optimizer();
    const std::vector<std::string> parts = {"vision", "llm"};
    for (size_t i = 0; i < train.recompute.size(); ++i) {
      if (!contains(parts, train.recompute[i])) {
        fail(fmt::format("train.recompute.{}", i), "unknown part", train.recompute[i],
             core::one_of(parts, train.recompute[i]));
      }
      // The language model's activations are kept for whatever is trained in front of it.
      if (train.recompute[i] == "vision" && !is_trained("vision")) {
        fail(fmt::format("train.recompute.{}", i), "would have no effect: no part of vision is in `trainable`",
             train.recompute[i], "llm, or an empty list");
      }
    }
  }

  /// Options that one optimizer or schedule uses and another does not.
  void check_optimizer() const {
    const OptimizationConfig& train = config_.train;
    const OptimizationConfig defaults;
    if (train.optimizer != "adamw" && train.eps != defaults.eps) {
      fail("train.eps", "would have no effect: " + train.optimizer + " has no such term", fmt::format("{}", train.eps),
           "no value");
    }
    if (train.schedule != "wsd") {
      if (train.decay_ratio == defaults.decay_ratio) return;
      fail("train.decay_ratio", "would have no effect: the schedule is " + train.schedule,
           fmt::format("{}", train.decay_ratio), "no value, or schedule wsd");
    }
    if (train.warmup_ratio + train.decay_ratio > 1) {
      fail("train.decay_ratio", "the warm-up leaves no room for it", fmt::format("{}", train.decay_ratio),
           fmt::format("at most {}", 1 - train.warmup_ratio));
    }
  }

  void check_validation() const {
    const DataConfig& data = config_.data;
    if (!data.validation.empty() && data.validation_share > 0) {
      fail("data.validation_share", "would have no effect beside data.validation",
           fmt::format("{}", data.validation_share), "one of the two");
    }
    if (config_.report.validate_every > 0 && data.validation.empty() && data.validation_share == 0) {
      fail("report.validate_every", "there is nothing to validate on", std::to_string(config_.report.validate_every),
           "data.validation or data.validation_share beside it");
    }
  }

  const RunConfig& config_;
  const std::string& where_;
  const config::Origins& origins_;
};

}  // namespace

void check_images(const model::VisionConfig& tower, const RunConfig& config,
                  const std::function<std::string(const std::string& field)>& origin_of) {
  const auto fail = [&](const std::string& field, const char* what, const std::string& got,
                        const std::string& expected) {
    throw ConfigError({origin_of(field), field}, what, got, expected);
  };
  if (config.image.aspect == image::Aspect::kNative && tower.fixed_image_size()) {
    fail("image.aspect", "the tower takes square images only", "native", "pad or crop");
  }
  const int64_t size = config.image.size;
  const int64_t tokens = tower.num_tokens(size, size);
  if (tokens < 1) fail("image.size", "gives no visual token", std::to_string(size), tower.image_sizes());
  if (tokens >= config.data.max_length) {
    fail("data.max_length", "an image leaves no room for text", std::to_string(config.data.max_length),
         fmt::format("more than the {} visual tokens of an image of {} pixels", tokens, size));
  }
}

void check_config(const RunConfig& config, const std::string& where) {
  auto visited = config;  // a visitor may write
  config::check_ranges(config::fields_of(visited), where);
  check_rules(config, where, {});
}

void check_rules(const RunConfig& config, const std::string& where, const config::Origins& origins) {
  Checker(config, where, origins).check_all();
}

}  // namespace convllava::stage
