#pragma once

// A configuration that passes, as a value and as a file.

#include "convllava/stage/run_config.h"

namespace convllava::stage {

inline RunConfig valid() {
  RunConfig config;
  config.output_dir = "runs/a";
  config.model.size = "tiny";
  config.model.tokenizer = "tokenizer.model";
  config.trainable = {"vision.stages.5", "projector"};
  config.image.size = 256;
  config.data.max_length = 512;
  config.data.train = {{"a.json", "", 1.0}};
  return config;
}

inline constexpr const char* kValidYaml =
    "output_dir: runs/a\n"
    "model:\n"
    "  size: tiny\n"
    "  tokenizer: tokenizer.model\n"
    "trainable: [projector, llm]\n"
    "image:\n"
    "  size: 256\n"
    "data:\n"
    "  max_length: 512\n"
    "  train:\n"
    "    - annotations: a.json\n";

}  // namespace convllava::stage
