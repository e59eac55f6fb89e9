#pragma once

#include <torch/types.h>

#include <string>
#include <vector>

#include "convllava/config/train_config.h"
#include "convllava/model/convllava.h"
#include "convllava/text/tokenizer.h"

// From a stage's configuration to a model with its weights and its trainable set.

namespace convllava::train {

/// The model's shape: of the named size, of the directories, or both. What a directory states counts: with `size` and
/// `vision_from` the tower has the size's stages and the directory's patches and norm epsilon. A directory that does
/// not exist (yet) is left out, so that the shape of a stage can be told before the one before it has run. Throws
/// ConfigError where size and directory contradict each other, CheckpointError for pictures prepared otherwise
/// (checkpoint/preprocessor_check.h).
config::ModelConfig resolve_model_shape(const config::ModelSource& source);

/// Where the tokenizer is: the path that `source` names, or the weights that it lies beside; "" where there is neither.
const std::string& tokenizer_path(const config::ModelSource& source);
text::Tokenizer load_tokenizer(const config::ModelSource& source);

/// Allocates the model and fills it: from `from`, or from `vision_from` and `llm_from`; what none of them provides
/// starts fresh from `seed`.
model::ConvLlava build_model(const config::ModelSource& source, const config::ModelConfig& shape,
                             const torch::TensorOptions& options, int64_t seed);

/// Sets requires_grad by the patterns (model/trainable.h). Throws ConfigError for a pattern that matches nothing.
void set_trainable(model::ConvLlavaImpl& model, const std::vector<std::string>& patterns);

/// Whether the model's type is fp32 or bf16.
torch::ScalarType scalar_type(config::Dtype dtype);

/// Recomputes the activations of the parts that train.recompute names: vision, llm.
void set_recompute(model::ConvLlavaImpl& model, const std::vector<std::string>& parts);

/// A line per part of the model: parameters, trainable parameters, learning rate, weight decay; then the totals.
std::string parameter_table(const model::ConvLlavaImpl& model, const config::OptimizationConfig& train);

/// The learning rate and weight decay of a module at the schedule's peak.
double peak_lr(const config::OptimizationConfig& train, const std::string& module);
double weight_decay(const config::OptimizationConfig& train, const std::string& module);

}  // namespace convllava::train
