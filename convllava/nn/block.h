#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace torch::nn {
class Module;
}

namespace convllava::nn {

/// Bytes of an fp32 number: statistics of norms, gradients, optimizer states.
inline constexpr int64_t kFloatBytes = 4;

/// The sizes of a batch: they decide what a forward pass costs.
struct BatchShape {
  struct Images {
    int64_t height = 0;  ///< pixels
    int64_t width = 0;
    int64_t count = 0;
  };
  int64_t tokens = 0;  ///< with the visual tokens
  int64_t visual_tokens = 0;
  int64_t supervised_tokens = 0;
  std::vector<int64_t> sequences;  ///< tokens of each
  std::vector<Images> images;
};

/// Work and memory of one block's forward pass, by formula, for the parameters that require a gradient now. Memory in
/// bytes.
struct BlockCost {
  double multiply_adds = 0;        ///< products with weights: linear layers, convolutions
  double attention = 0;            ///< multiply-adds of attention, whose factors are both activations
  int64_t kept = 0;                ///< stored for backward, where autograd records the block
  int64_t input = 0;               ///< of these its input: all that is stored where the block is recomputed
  int64_t forward_workspace = 0;   ///< temporary, where nothing is stored
  int64_t backward_workspace = 0;  ///< temporary in backward
};

/// A part of the model that runs as one: a transformer block, a ConvNeXt block, a down-sampling layer, ...
/// Recomputation, freezing, FLOPs, memory, initialisation, gradient reduction and sharding all work on the model's list
/// of blocks. `initialize` refers to the module that made the block: do not call it after the module's end.
struct Block {
  std::string name;  ///< "llm.model.layers.3": the names of its parameters begin with it
  std::string path;  ///< "llm.layers.3": what patterns select (block_pattern.h)
  std::vector<std::pair<std::string, torch::Tensor>> parameters = {};  ///< with their full names
  bool used_once = false;           ///< a forward pass uses each parameter once: its gradient comes whole
  bool weights_in_backward = true;  ///< its backward pass reads its parameters
  bool recomputable = false;        ///< its activations take enough memory to be worth a second forward pass
  bool recomputed = false;          ///< it computes them again in backward
  /// Draws fresh weights from torch's default generator.
  std::function<void()> initialize = {};
  /// For a model with `bytes` bytes in a number: 2 for bfloat16, 4 for float32.
  std::function<BlockCost(const BatchShape& batch, int64_t bytes)> cost = {};

  /// "vision", "projector" or "llm": the part of the model that it belongs to.
  std::string module() const { return path.substr(0, path.find('.')); }
  /// "vision.stages.3" of "vision.stages.3.layers.1", "llm.layers" of "llm.layers.7": the path up to a number that has
  /// more behind it, or without the number.
  std::string group() const;
  bool trained() const;
};

/// A block of this module's parameters, each named `name`.(its name in the module).
Block make_block(std::string name, std::string path, const torch::nn::Module& module);

bool any_trained(const std::vector<Block>& blocks);

/// Numbers in the parameters of a module.
struct ParameterCounts {
  int64_t all = 0;
  int64_t trained = 0;
};
ParameterCounts count_parameters(const torch::nn::Module& module);

}  // namespace convllava::nn
