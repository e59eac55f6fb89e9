#include "convllava/nn/block_runner.h"

#include <torch/nn/modules/linear.h>

#include "convllava/nn/libtorch.h"
#include "tests/catch.h"

using namespace convllava;

namespace {

/// Two layers; the name of each call of the observer is written down.
class Chain : public nn::BlockModule, public nn::BlockObserver {
 public:
  Chain() {
    torch::manual_seed(1);
    for (size_t i = 0; i < 2; ++i) {
      layers.push_back(register_module("layer" + std::to_string(i), torch::nn::Linear(3, 3)));
      auto block = nn::make_block("layer" + std::to_string(i), "llm.layers." + std::to_string(i), *layers[i]);
      block.recomputable = true;
      runner.add(std::move(block));
    }
  }

  torch::Tensor forward(torch::Tensor x) {
    for (size_t i = 0; i < layers.size(); ++i) {
      x = runner.run(i, x, [this, i](const torch::Tensor& input) { return torch::tanh(layers[i](input)); });
    }
    return x;
  }

  void before_forward(const nn::Block& block) override { calls.push_back("forward " + block.name); }
  void after_forward(const nn::Block& block) override { calls.push_back("end of forward " + block.name); }
  void before_backward(const nn::Block& block) override { calls.push_back("backward " + block.name); }
  void after_backward(const nn::Block& block) override {
    for (const auto& item : block.parameters) CHECK((item.second.grad().defined() || block.recomputed));
    calls.push_back("end of backward " + block.name);
  }

  std::vector<torch::nn::Linear> layers;
  std::vector<std::string> calls;
};

std::vector<torch::Tensor> gradients(Chain& chain, const std::vector<std::string>& recompute, bool observed) {
  chain.runner.set_recompute(recompute);
  chain.runner.set_observer(observed ? &chain : nullptr);
  chain.zero_grad();
  chain.calls.clear();
  chain.forward(torch::ones({2, 3})).sum().backward();
  std::vector<torch::Tensor> found;
  for (const auto& parameter : chain.parameters()) found.push_back(parameter.grad().clone());
  return found;
}

const std::vector<std::string> kForward = {"forward layer0", "end of forward layer0", "forward layer1",
                                           "end of forward layer1"};

std::vector<std::string> after_forward(std::vector<std::string> backward) {
  backward.insert(backward.begin(), kForward.begin(), kForward.end());
  return backward;
}

}  // namespace

TEST_CASE("an observer is called around the passes of each block", "[nn]") {
  Chain chain;
  gradients(chain, {}, true);
  // The first block's input has no history: the end of its backward is the end of the whole.
  CHECK(chain.calls == after_forward({"backward layer1", "backward layer0", "end of backward layer1"}));
}

TEST_CASE("a recomputed block is observed around its second forward pass", "[nn]") {
  Chain chain;
  gradients(chain, {"llm"}, true);
  CHECK(chain.calls ==
        after_forward({"backward layer1", "end of backward layer1", "backward layer0", "end of backward layer0"}));
}

TEST_CASE("without grad mode only forward is observed", "[nn]") {
  Chain chain;
  chain.runner.set_observer(&chain);
  const torch::NoGradGuard no_grad;
  chain.forward(torch::ones({2, 3}));
  CHECK(chain.calls == kForward);
}

TEST_CASE("observing and recomputing change no gradient", "[nn]") {
  Chain chain;
  const auto plain = gradients(chain, {}, false);
  for (const auto& recompute : {std::vector<std::string>{}, {"llm"}, {"llm.layers.1"}}) {
    for (const bool observed : {false, true}) {
      const auto found = gradients(chain, recompute, observed);
      for (size_t i = 0; i < plain.size(); ++i) CHECK(torch::equal(found[i], plain[i]));
    }
  }
}

TEST_CASE("only the blocks of a pattern are recomputed, and only where that saves memory", "[nn]") {
  Chain chain;
  nn::Block norm{.name = "norm", .path = "llm.norm"};
  chain.runner.add(norm);
  chain.runner.set_recompute({"llm.layers.1", "llm.norm"});
  CHECK_FALSE(chain.blocks()[0].recomputed);
  CHECK(chain.blocks()[1].recomputed);
  CHECK_FALSE(chain.blocks()[2].recomputed);
}
