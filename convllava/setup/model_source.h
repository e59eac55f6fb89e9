#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "convllava/config/fields.h"

namespace convllava::setup {

/// Where the model comes from: a named size, directories of weights, or both.
struct ModelSource {
  std::string size;                          ///< named shape; "" takes the shape of the directories
  std::string from;                          ///< checkpoint of a previous stage: everything
  std::string vision_from;                   ///< directory of a tower; stages that a ConvNeXt lacks start fresh
  std::string llm_from;                      ///< Hugging Face LLaMA directory
  std::string tokenizer;                     ///< tokenizer.model; "" takes the one beside the language model
  std::vector<int64_t> vision_depths;        ///< overrides the size's
  std::vector<int64_t> vision_hidden_sizes;  ///< overrides the size's
  double layer_scale_init_value = 0;         ///< of stages that start fresh; 0 takes the size's or the checkpoint's
  void visit_fields(config::FieldVisitor& visitor);
};

}  // namespace convllava::setup
