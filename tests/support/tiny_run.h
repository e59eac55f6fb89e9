#pragma once

// A data set of drawn PPM images, a small model and a configuration that trains it within a second: for tests of the
// trainer.

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "convllava/core/random.h"
#include "convllava/report/metric_log.h"
#include "convllava/stage/run_config.h"
#include "tests/support/files.h"
#include "tests/support/tiny_model.h"

namespace convllava::testing {

inline void write_ppm(const std::filesystem::path& path, int width, int height, uint64_t seed) {
  core::Random random(seed);
  std::ofstream file(path, std::ios::binary);
  file << "P6\n" << width << " " << height << "\n255\n";
  for (int i = 0; i < width * height * 3; ++i) file.put(static_cast<char>(random.below(256)));
}

/// `count` records in folder/train.json; every fourth one without an image.
inline void write_records(const std::filesystem::path& folder, int count) {
  std::filesystem::create_directories(folder / "images");
  std::ofstream file(folder / "train.json");
  file << "[";
  for (int i = 0; i < count; ++i) {
    const bool image = i % 4 != 3;
    const std::string name = "images/" + std::to_string(i) + ".ppm";
    if (image) write_ppm(folder / name, 40 + i % 50, 64, i);
    file << (i ? ",\n" : "\n") << R"({"id": ")" << i << '"' << (image ? R"(, "image": ")" + name + '"' : "")
         << R"(, "conversations": [{"from": "human", "value": ")" << (image ? "<image>\\n" : "") << "What is number "
         << i << R"(?"}, {"from": "gpt", "value": ")" << std::string(1 + i % 5, static_cast<char>('a' + i % 26))
         << R"("}]})";
  }
  file << "\n]\n";
}

/// fp32, 64-pixel images, two small stages of the model's parts; trains vision, projector and the language model for
/// 6 steps.
inline stage::RunConfig tiny_run(const std::filesystem::path& folder) {
  stage::RunConfig config;
  config.output_dir = (folder / "run").string();
  config.device = hardware::Device::kCpu;
  config.dtype = hardware::Dtype::kFp32;
  config.model.size = "tiny";
  config.model.vision_depths = {1, 1, 1, 1, 1};
  config.model.vision_hidden_sizes = {8, 8, 12, 12, 16};
  config.model.tokenizer = kTokenizer;
  config.model.layer_scale_init_value = 1.0;
  config.trainable = {"vision.stages.3-5", "projector", "llm"};
  config.image.size = 64;
  config.data.root = folder.string();
  config.data.train = {{"train.json", "", 1.0}};
  config.data.max_length = 160;
  config.data.workers = 2;
  config.train.global_batch_size = 8;
  config.train.micro_batch_size = 4;
  config.train.lr = 1e-3;
  config.train.max_steps = 6;
  config.train.epochs = 4;
  config.checkpoint.every_minutes = 0;
  config.report.samples = 2;
  config.report.tensorboard = false;
  return config;
}

/// The training and validation losses that the run in this folder has logged, in their order.
inline std::vector<double> logged_losses(const std::filesystem::path& run) {
  std::vector<double> values;
  for (const auto& [step, scalars] : report::read_metrics(run / "metrics.jsonl")) {
    for (const auto& [name, value] : scalars) {
      if (name == "train/loss" || name == "validation/loss") values.push_back(value);
    }
  }
  return values;
}

}  // namespace convllava::testing
