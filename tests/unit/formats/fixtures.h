#pragma once

// What the tests of convllava/checkpoint and convllava/formats share: a small model with every kind of part, and where
// the goldens are.

#include <filesystem>
#include <string>
#include <vector>

#include "convllava/checkpoint/run_folder.h"
#include "convllava/checkpoint/safetensors.h"
#include "convllava/core/error.h"
#include "convllava/formats/model_directory.h"
#include "convllava/nn/libtorch.h"
#include "tests/support/process.h"
#include "tests/support/tiny_model.h"

namespace convllava::formats::testing {

using convllava::testing::CapturedStderr;
using convllava::testing::FileSizeLimit;
using convllava::testing::OrdinaryUser;
using convllava::testing::shared_data;
using convllava::testing::small_tokenizer;
using convllava::testing::TemporaryFolder;
using convllava::testing::text_of;
using convllava::testing::write_text;

inline std::filesystem::path golden(const std::string& name) {
  return std::filesystem::path(CONVLLAVA_SOURCE_DIR) / "tests/golden/checkpoint" / name;
}

/// Five stages, grouped queries, no value a default.
inline model::ModelConfig small_config() {
  model::ModelConfig config;
  config.vision = convllava::testing::convnext({1, 1, 2, 1, 1}, {4, 4, 8, 8, 12}, 0.5);
  config.llm = convllava::testing::tiny_llama();
  config.llm.vocab_size = 600;
  config.llm.intermediate_size = 40;
  config.llm.max_position_embeddings = 96;
  config.llm.rms_norm_eps = 1e-4;
  config.llm.rope_theta = 5000;
  return config;
}

/// Values that let no tensor go unnoticed: norms, biases and layer scales are no constants.
inline void randomize(torch::nn::Module& module, uint64_t seed) {
  const torch::NoGradGuard no_grad;
  torch::manual_seed(seed);
  for (auto& parameter : module.parameters()) {
    parameter.uniform_(-0.3, 0.3);
    if (parameter.dim() == 1) parameter.add_(0.7);
  }
}

inline model::ConvLlava random_model(const model::ModelConfig& config, uint64_t seed = 1,
                                     torch::ScalarType dtype = torch::kFloat32) {
  model::ConvLlava model(config, torch::TensorOptions().dtype(dtype));
  randomize(*model, seed);
  return model;
}

inline checkpoint::Record small_record() {
  checkpoint::Record record;
  record.written_by = "convllava test";
  record.image.size = 320;
  record.max_length = 80;
  record.step = 7;
  record.run.output_dir = "runs/test";
  record.run.trainable = {"vision.stages.3-5", "projector", "llm"};
  record.run.lr_per_module = {{"vision", 1e-5}};
  return record;
}

inline void save(const std::filesystem::path& directory, const model::ConvLlava& model) {
  formats::save_model(directory, *model, small_tokenizer(), small_record());
}

inline bool same_parameters(const torch::nn::Module& a, const torch::nn::Module& b) {
  const auto other = b.named_parameters();
  if (a.parameters().size() != other.size()) return false;
  for (const auto& parameter : a.named_parameters()) {
    if (!torch::equal(parameter.value(), other[parameter.key()])) return false;
  }
  return true;
}

/// Folders that look like checkpoints from outside.
inline void make_checkpoints(const TemporaryFolder& folder, const std::vector<std::string>& names) {
  for (const auto& name : names) {
    std::filesystem::create_directories(folder / name / "vision_tower");
    write_text(folder / name / "config.json", "{}");
  }
}

inline std::vector<int64_t> steps_of(const std::filesystem::path& run) {
  std::vector<int64_t> steps;
  for (const auto& checkpoint : checkpoint::list_checkpoints(run)) steps.push_back(checkpoint.step);
  return steps;
}

}  // namespace convllava::formats::testing
