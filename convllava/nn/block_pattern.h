#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "convllava/nn/block.h"

// Patterns that select blocks by path: names joined by dots, where a number may be a range. "vision" selects
// vision.stem and all of vision.stages; "vision.stages.3-5", "vision.stages.4.layers.2-3" and "llm.layers.0-15" select
// what they say. Ranges include both ends. Stages count from 1 as in the paper, layers from 0 as in checkpoints.

namespace convllava::nn {

/// Throws ConfigError of `field` for text that is no pattern.
void check_pattern(std::string_view pattern, std::string_view field);

/// Whether the pattern selects the block of this path.
bool selects(std::string_view pattern, std::string_view path);

/// For each block whether a pattern selects it. Throws ConfigError of `field` for a pattern that is malformed, selects
/// nothing or has a range beyond the model's last block, with what the model has.
std::vector<bool> select(const std::vector<std::string>& patterns, const std::vector<Block>& blocks,
                         std::string_view field);

}  // namespace convllava::nn
