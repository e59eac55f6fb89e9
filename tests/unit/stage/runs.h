#pragma once

// Runs in this process, and runs that start from another one's checkpoint, whose weights a test may have spoilt.

#include <functional>
#include <string>

#include "convllava/checkpoint/run_folder.h"
#include "convllava/checkpoint/safetensors.h"
#include "convllava/formats/open_checkpoint.h"
#include "convllava/nn/libtorch.h"
#include "convllava/stage/run_config.h"
#include "convllava/stage/training_run.h"

namespace convllava::testing {

/// To its end.
inline train::TrainSummary run(const stage::RunConfig& config, distributed::ProcessGroup group = {}) {
  return stage::TrainingRun(config, std::move(group), torch::kCPU).run();
}

/// What follows `config`, from its checkpoint.
inline stage::RunConfig next_stage(const stage::RunConfig& config) {
  auto next = config;
  next.model = {};
  next.model.from = config.output_dir;
  next.output_dir += "-next";
  return next;
}

/// Lets a test change the files of a checkpoint.
inline void forget_checksums(const std::filesystem::path& checkpoint) {
  std::filesystem::remove(checkpoint / checkpoint::kChecksumsFile);
}

/// Sets rows of a tensor of a run's checkpoint to NaN.
inline void poison(const std::filesystem::path& run, const std::string& name, const std::function<bool(int64_t)>& row) {
  const auto file = formats::find_checkpoint(run) / "model.safetensors";
  checkpoint::NamedTensors tensors;
  {
    const checkpoint::SafetensorsFile saved(file);
    for (const auto& item : saved.tensors()) tensors.emplace_back(item.first, saved.tensor(item.first).clone());
  }
  for (auto& [tensor_name, tensor] : tensors) {
    for (int64_t i = 0; tensor_name == name && i < tensor.size(0); ++i) {
      if (row(i)) tensor[i].fill_(NAN);
    }
  }
  checkpoint::write_safetensors(file, tensors);
  forget_checksums(file.parent_path());
}

}  // namespace convllava::testing
