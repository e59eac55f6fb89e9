#pragma once

#include <torch/nn/module.h>
#include <torch/types.h>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "convllava/nn/block.h"

namespace convllava::nn {

/// Is called around the passes of each block. LibTorch's C++ modules have no hooks, so the forward passes of the model
/// run their blocks through a BlockRunner, which calls these. Without grad mode only the first two are called.
class BlockObserver {
 public:
  virtual ~BlockObserver() = default;
  virtual void before_forward(const Block&) {}
  virtual void after_forward(const Block&) {}
  /// Before the first operation of the block's backward pass; on a thread of autograd. Of a recomputed block, before it
  /// runs forward again.
  virtual void before_backward(const Block&) {}
  /// After the last one, and after `before_backward` of the block in front, which waits for the same gradient. Not
  /// called for a block whose input has no history (the first one that autograd records), unless it is recomputed:
  /// whoever needs that end has it when `backward` returns.
  virtual void after_backward(const Block&) {}
};

/// A part's blocks in the order of forward, and the one way to run them.
class BlockRunner {
 public:
  using Body = std::function<torch::Tensor(const torch::Tensor&)>;

  void add(Block block);
  const std::vector<Block>& blocks() const { return blocks_; }
  /// Puts "prefix." in front of all names, for a part inside a model.
  void add_prefix(std::string_view prefix);

  /// y = body(x) with `blocks()[index]`. Where the block is recomputed, `body` must be deterministic and stay callable
  /// until backward (recompute.h).
  torch::Tensor run(size_t index, const torch::Tensor& x, const Body& body) const;

  /// Recomputes in backward the blocks that a pattern selects (block_pattern.h), as far as they are recomputable.
  void set_recompute(const std::vector<std::string>& patterns);
  /// Null removes it. It must live until the backward passes of what ran under it are over.
  void set_observer(BlockObserver* observer) { observer_ = observer; }

 private:
  std::vector<Block> blocks_;
  BlockObserver* observer_ = nullptr;
};

/// A part of the model: it builds its blocks in its constructor and runs them through `runner` in its forward pass.
class BlockModule : public torch::nn::Module {
 public:
  const std::vector<Block>& blocks() const { return runner.blocks(); }

  BlockRunner runner;
};

}  // namespace convllava::nn
