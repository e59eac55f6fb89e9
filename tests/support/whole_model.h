#pragma once

// Models and a batch of scripts/golden/model.py.

#include "convllava/checkpoint/safetensors.h"
#include "convllava/model/convllava.h"
#include "convllava/nn/libtorch.h"
#include "tests/support/golden.h"
#include "tests/support/tiny_model.h"

namespace convllava::testing {

inline model::ModelConfig tiny_model() {
  model::ModelConfig config;
  config.vision = convnext({1, 1, 1, 1, 1}, {8, 12, 16, 20, 24});
  config.llm = tiny_llama();
  return config;
}

inline model::ModelConfig language_only(int64_t kv_heads) {
  model::ModelConfig config;
  config.llm = tiny_llama(kv_heads);
  return config;
}

/// A language model with the weights of a file in golden/model.
inline model::ConvLlava reference_model(int64_t kv_heads, const std::string& file_name,
                                        const torch::TensorOptions& options = {}) {
  model::ConvLlava model(language_only(kv_heads), options);
  load_parameters(*model->llm, golden("model/" + file_name));
  return model;
}

/// The three samples of model/convllava.safetensors, packed: two images of different shapes and a text.
inline model::Batch golden_batch(const checkpoint::SafetensorsFile& file) {
  model::Batch batch;
  std::vector<torch::Tensor> ids, positions, rows, targets, visual;
  batch.cu_seqlens = {0};
  for (int i = 0; i < 3; ++i) {
    const auto part = file.tensor("input_ids." + std::to_string(i));
    const auto labels = file.tensor("labels." + std::to_string(i));
    const int64_t begin = batch.cu_seqlens.back();
    ids.push_back(part);
    positions.push_back(torch::arange(part.size(0)));
    const auto supervised = labels.ne(-100).nonzero().squeeze(1);
    rows.push_back(supervised + (begin - 1));
    targets.push_back(labels.index_select(0, supervised));
    visual.push_back(part.eq(-200).nonzero().squeeze(1) + begin);
    if (i < 2) batch.pixels.push_back(file.tensor("pixels." + std::to_string(i)).unsqueeze(0));
    batch.cu_seqlens.push_back(begin + part.size(0));
  }
  batch.input_ids = torch::cat(ids);
  batch.position_ids = torch::cat(positions);
  batch.target_rows = torch::cat(rows);
  batch.targets = torch::cat(targets);
  batch.visual_rows = torch::cat(visual);
  return batch;
}

}  // namespace convllava::testing
