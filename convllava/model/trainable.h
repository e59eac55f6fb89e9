#pragma once

#include <cstdint>
#include <string>
#include <vector>

// Which parameters a stage trains, declared by name.

namespace convllava::model {

/// "vision", "projector" or "llm": the part of the model that a parameter belongs to.
std::string module_of(const std::string& parameter);

/// True where the parameter is covered by a pattern:
///   vision | vision.stem | vision.stages.5 | vision.stages.3-5 | vision.stages.4.layers.2-3
///   projector
///   llm | llm.embed_tokens | llm.layers.7 | llm.layers.0-15 | llm.norm | llm.lm_head
/// Stages count from 1 as in the paper, layers from 0 as in the checkpoint's names; ranges include both ends.
bool matches(const std::string& pattern, const std::string& parameter);

/// The trainable parameters among `parameters`, in their order. Throws ConfigError for a pattern that is malformed,
/// matches nothing, or names stages or layers beyond the last one, with what there is.
std::vector<std::string> select_trainable(const std::vector<std::string>& patterns,
                                          const std::vector<std::string>& parameters);

}  // namespace convllava::model
