#include "convllava/stage/planned_model.h"

#include <fmt/format.h>

#include "convllava/checkpoint/file_access.h"
#include "convllava/checkpoint/run_folder.h"
#include "convllava/core/error.h"
#include "convllava/formats/model_directory.h"
#include "convllava/formats/open_checkpoint.h"
#include "convllava/nn/libtorch.h"
#include "convllava/setup/build_model.h"
#include "convllava/stage/same_run.h"

namespace convllava::stage {
namespace {

void check_tokenizer(const text::Tokenizer& tokenizer, const model::LanguageConfig& llm) {
  if (tokenizer.vocab_size() <= llm.vocab_size) return;
  throw ConfigError({"", "model.tokenizer"}, "has more tokens than the language model has embeddings",
                    std::to_string(tokenizer.vocab_size()), std::to_string(llm.vocab_size));
}

/// Rules that need the shape of the model.
void check_images_and_lengths(const model::ModelConfig& shape, const RunConfig& config) {
  const int64_t max_length = config.data.max_length;
  if (max_length > shape.llm.max_position_embeddings) {
    throw ConfigError({"", "data.max_length"}, "more than the positions of the language model",
                      std::to_string(max_length), fmt::format("at most {}", shape.llm.max_position_embeddings));
  }
  check_images(shape.tower(), config, [](const std::string&) { return std::string(); });
}

}  // namespace

PlannedModel plan_model(const RunConfig& config, Paths paths) {
  const setup::ModelSource source = model_source(config);
  const auto is_there = [&](const std::string& path) {
    return paths == Paths::kMustExist || checkpoint::path_exists(path);
  };
  PlannedModel plan{setup::resolve_model_shape(source), std::nullopt, nullptr};
  if (is_there(setup::tokenizer_path(source))) {
    plan.tokenizer = load_tokenizer(source);
    check_tokenizer(*plan.tokenizer, plan.shape.llm);
  }
  check_images_and_lengths(plan.shape, config);
  plan.outline = model::ConvLlava(plan.shape, torch::TensorOptions(torch::kMeta));
  setup::set_trainable(*plan.outline, config.trainable);
  plan.outline->set_recompute(config.train.recompute);
  if (!source.from.empty() && is_there(source.from)) {
    formats::check_model(formats::OpenCheckpoint(source.from).path(), *plan.outline);
  }
  if (!source.vision_from.empty() && is_there(source.vision_from)) {
    formats::check_vision_tower(formats::OpenCheckpoint(source.vision_from).path(), *plan.outline->vision_tower);
  }
  if (!source.llm_from.empty() && is_there(source.llm_from)) {
    formats::check_language_model(formats::OpenCheckpoint(source.llm_from).path(), *plan.outline->llm);
  }
  return plan;
}

}  // namespace convllava::stage
