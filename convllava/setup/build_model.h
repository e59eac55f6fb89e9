#pragma once

#include <torch/types.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "convllava/formats/open_checkpoint.h"
#include "convllava/formats/stored_weights.h"
#include "convllava/model/convllava.h"
#include "convllava/optim/groups.h"
#include "convllava/setup/model_source.h"
#include "convllava/text/tokenizer.h"

// From a stage's configuration to a model with its weights and its trainable set.

namespace convllava::setup {

/// The model's shape: of the named size, of the directories, or both. The values of a directory take precedence: with
/// `size` and `vision_from` the tower has the size's stages and the directory's patches and norm epsilon. A directory
/// that does not exist (yet) is skipped, so that the shape of a stage is known before the previous stage has run.
/// Throws ConfigError where size and directory contradict each other, CheckpointError for different image preparation
/// (formats/preprocessor_check.h).
model::ModelConfig resolve_model_shape(const ModelSource& source);

/// Where the tokenizer is: the path that `source` names, or the weights that it lies beside; "" where there is neither.
const std::string& tokenizer_path(const ModelSource& source);
text::Tokenizer load_tokenizer(const ModelSource& source);

/// Allocates the model and fills it: from `from`, or from `vision_from` and `llm_from`; other parameters
/// start fresh from `seed`.
model::ConvLlava build_model(const ModelSource& source, const model::ModelConfig& shape,
                             const torch::TensorOptions& options, int64_t seed);

/// What `build_model` fills a model with, block by block.
class StartWeights {
 public:
  /// Opens the files of `source` and compares them with the model, which may be on the meta device and must outlive
  /// this. Throws CheckpointError. Seeds torch's default generator with `seed`.
  StartWeights(const ModelSource& source, const model::ConvLlavaImpl& model, int64_t seed);

  /// All blocks, in the order in which they must be written: fresh ones are drawn from one generator.
  const std::vector<nn::Block>& blocks() const { return blocks_; }
  /// Sets the parameters of one of `blocks`.
  void write(const nn::Block& block) const;
  /// Where the weights come from, for people.
  std::string description() const;

 private:
  ModelSource source_;
  std::vector<std::unique_ptr<formats::OpenCheckpoint>> open_;
  std::vector<nn::Block> blocks_;
  std::vector<nn::Block> absent_;                         ///< of the tower's files
  std::map<std::string, formats::StoredWeights> stored_;  ///< by the names of the blocks; the others are fresh
};

/// Trains the blocks that the patterns select (nn/block_pattern.h), and no other. Throws ConfigError for a pattern that
/// is malformed or selects nothing.
void set_trainable(model::ConvLlavaImpl& model, const std::vector<std::string>& patterns);

/// Parts of the model whose activations are recomputed in backward (section `train`).
struct RecomputeOptions {
  std::vector<std::string> recompute;  ///< vision, llm
  void visit_fields(config::FieldVisitor& visitor);
};

/// A line for each stage of the tower and each kind of block: parameters, trainable parameters, learning rate, weight
/// decay; then the totals.
std::string parameter_table(const model::ConvLlavaImpl& model, const optim::GroupOptions& groups);

}  // namespace convllava::setup
