// What a rank holds at each level, seen from one rank: parts of one are wholes, and everything is still given back.

#include "convllava/nn/block_runner.h"
#include "convllava/parallel/engine.h"
#include "tests/catch.h"
#include "tests/unit/parallel/blocks.h"

namespace convllava::parallel {
namespace {

using testing::contains;

constexpr Level kLevels[] = {Level::kNone, Level::kOptimizer, Level::kGradients, Level::kParameters};

struct LayerImpl : torch::nn::Module {
  explicit LayerImpl(const torch::TensorOptions& options) {
    weight = register_parameter("weight", torch::rand({6, 6}, options));
    bias = register_parameter("bias", torch::rand({6}, options));
  }
  torch::Tensor forward(const torch::Tensor& x) { return at::linear(x, weight, bias); }
  torch::Tensor weight;
  torch::Tensor bias;
};
TORCH_MODULE(Layer);

/// Linear layers that run through a BlockRunner, as a language model's do.
struct Layers : nn::BlockModule {
  explicit Layers(int count, bool recomputed = false, const torch::TensorOptions& options = {}) {
    for (int i = 0; i < count; ++i) {
      layers.push_back(Layer(options));
      register_module(std::to_string(i), layers.back());
      auto block = block_of(std::to_string(i), *layers.back());
      block.recomputable = block.recomputed = recomputed;
      runner.add(std::move(block));
    }
  }
  torch::Tensor forward(torch::Tensor x) {
    for (size_t i = 0; i < layers.size(); ++i) {
      x = runner.run(i, x, [&, i](const torch::Tensor& in) { return torch::tanh(layers[i](in)); });
    }
    return x;
  }
  std::vector<Layer> layers;
};

int allocated_weights(const Engine& engine) {
  int count = 0;
  for (const auto& unit : engine.units()) count += unit.weights().allocated();
  return count;
}

int allocated_gradients(const Engine& engine) {
  int count = 0;
  for (const auto& unit : engine.units()) count += unit.trained() && unit.gradient().allocated();
  return count;
}

/// Calls `look` in each block's forward and backward.
struct Spy : nn::BlockObserver {
  explicit Spy(nn::BlockObserver* engine, std::function<void()> look_at) : inner(engine), look(std::move(look_at)) {}
  void before_forward(const nn::Block& block) override { inner->before_forward(block), look(); }
  void after_forward(const nn::Block& block) override { look(), inner->after_forward(block); }
  void before_backward(const nn::Block& block) override { inner->before_backward(block), look(); }
  void after_backward(const nn::Block& block) override { look(), inner->after_backward(block); }
  nn::BlockObserver* inner;
  std::function<void()> look;
};

}  // namespace

TEST_CASE("no more than three blocks of weights and of gradients are held at a time", "[parallel]") {
  const bool recomputed = GENERATE(false, true);
  torch::manual_seed(1);
  Layers layers(12, recomputed);
  Engine engine(layers.blocks(), {}, {.shard = Level::kParameters});
  int weights = 0;
  int gradients = 0;
  Spy spy(engine.observer(), [&] {
    weights = std::max(weights, allocated_weights(engine));
    gradients = std::max(gradients, allocated_gradients(engine));
  });
  layers.runner.set_observer(&spy);
  CHECK(allocated_weights(engine) == 0);
  engine.begin_step();
  for (int micro = 0; micro < 2; ++micro) {
    engine.begin_micro_batch({.tower_passes = 0, .last = micro == 1});
    layers.forward(torch::ones({2, 6})).sum().backward();
    engine.finish_micro_batch();
    CHECK(allocated_weights(engine) == 0);
    CHECK(allocated_gradients(engine) == 0);
  }
  CHECK(weights >= 2);
  CHECK(weights <= 4);  // in forward the two that backward begins with, the block at work and the next one
  CHECK(gradients >= 1);
  CHECK(gradients <= 3);
}

TEST_CASE("levels compute the same gradients, stored and recomputed, over several micro-batches", "[parallel]") {
  const bool recomputed = GENERATE(false, true);
  std::map<std::string, torch::Tensor> expected;
  for (const auto level : kLevels) {
    torch::manual_seed(1);
    Layers layers(5, recomputed);
    for (const auto& layer : {layers.layers[1], layers.layers[2]}) layer->weight.requires_grad_(false);
    Engine engine(layers.blocks(), {}, {.shard = level});
    layers.runner.set_observer(engine.observer());
    for (int step = 0; step < 2; ++step) {
      engine.begin_step();
      for (int micro = 0; micro < 3; ++micro) {
        engine.begin_micro_batch({.tower_passes = 0, .last = micro == 2});
        layers.forward(torch::full({2, 6}, micro - 0.5)).sum().backward();
        engine.finish_micro_batch();
      }
    }
    for (const auto& shard : engine.shards()) {
      INFO(shard.unit << " at level " << static_cast<int>(level));
      const auto [found, first] = expected.try_emplace(shard.unit, shard.gradient.clone());
      CHECK((first || torch::equal(found->second, shard.gradient)));
      CHECK(shard.gradient.abs().max().item<float>() > 0);
    }
  }
  CHECK(expected.size() == 5);
}

TEST_CASE("a model without memory gets its weights block by block", "[parallel]") {
  for (const auto level : kLevels) {
    torch::manual_seed(1);
    const Layers reference(3);
    Layers layers(3, false, torch::kMeta);
    Engine engine(layers.blocks(), {}, {.shard = level});
    int most = 0;
    engine.fill(layers.blocks(), [&](const nn::Block& block) {
      for (const auto& [name, tensor] : block.parameters) {
        const torch::NoGradGuard no_grad;
        torch::Tensor(tensor).copy_(reference.named_parameters()[name.substr(4)]);
      }
      most = std::max(most, allocated_weights(engine));
    });
    CHECK(most == (level == Level::kParameters ? 1 : 3));
    const WholeWeights whole(engine);
    CHECK(
        torch::equal(layers.forward(torch::ones({1, 6})), const_cast<Layers&>(reference).forward(torch::ones({1, 6}))));
  }
}

TEST_CASE("a block that runs outside of a micro-batch is refused where its weights are elsewhere", "[parallel]") {
  Layers layers(2);
  Engine engine(layers.blocks(), {}, {.shard = Level::kParameters});
  layers.runner.set_observer(engine.observer());
  CHECK_THROWS_WITH(layers.forward(torch::ones({1, 6})), contains("block llm.0 runs outside of a micro-batch"));
  {
    const WholeWeights whole(engine);
    const torch::NoGradGuard no_grad;
    CHECK(layers.forward(torch::ones({1, 6})).defined());
  }
  CHECK(allocated_weights(engine) == 0);
  engine.begin_micro_batch({.tower_passes = 0, .backward = false, .last = false});
  const torch::NoGradGuard no_grad;
  layers.forward(torch::ones({1, 6}));
  CHECK_THROWS_WITH(layers.forward(torch::ones({1, 6})),
                    contains("a block runs that the plan of this micro-batch does not contain"));
}

TEST_CASE("gradients are cleared between steps at every level", "[parallel]") {
  for (const auto level : kLevels) {
    Layers layers(2);
    Engine engine(layers.blocks(), {}, {.shard = level});
    layers.runner.set_observer(engine.observer());
    std::vector<torch::Tensor> norms;
    for (int step = 0; step < 2; ++step) {
      engine.begin_step();
      engine.begin_micro_batch({.tower_passes = 0});
      layers.forward(torch::ones({1, 6})).sum().backward();
      engine.finish_micro_batch();
      norms.push_back(engine.gradient_norms().at("llm"));
    }
    CHECK(torch::equal(norms[0], norms[1]));
  }
}

TEST_CASE("shards of all ranks are the unit, and their ranges and pieces keep their places", "[parallel]") {
  const auto leaf = [](int64_t size) { return torch::arange(size, torch::kFloat).requires_grad_(); };
  const nn::Block block{
      "b", "llm", {{"llm.bias", leaf(65)}, {"llm.matrix", leaf(40).detach().view({2, 20}).clone().requires_grad_()}}};
  std::vector<Shard> shards;
  for (int64_t rank = 0; rank < 3; ++rank) {
    nn::Block copy = block;
    for (auto& item : copy.parameters) item.second = item.second.detach().clone().requires_grad_();
    const FlatUnit unit(copy, {Level::kParameters, rank, 3, 3}, torch::kCPU);
    CHECK(unit.numel() == 192);
    shards.push_back(shard_of(unit));
    CHECK(shards.back().weights.numel() == 64);
  }
  const auto check_piece = [](const ShardPiece& piece, int64_t begin, int64_t end, int64_t place) {
    CHECK(piece.begin == begin);
    CHECK(piece.end == end);
    CHECK(piece.place == place);
  };
  check_piece(shards[0].pieces[0], 0, 64, 0);
  check_piece(shards[1].pieces[0], 64, 65, 0);
  CHECK(shards[2].pieces[0].begin == shards[2].pieces[0].end);
  check_piece(shards[2].pieces[1], 0, 40, 0);
  CHECK(shards[1].weights[0].item<float>() == 64);
  CHECK(torch::equal(shards[2].weights.narrow(0, 0, 40), torch::arange(40, torch::kFloat)));
  CHECK(shards[2].weights.narrow(0, 40, 24).eq(0).all().item<bool>());
  REQUIRE(shards[1].ranges.size() == 1);
  CHECK_FALSE(shards[1].ranges[0].decay);
  REQUIRE(shards[2].ranges.size() == 1);
  CHECK(shards[2].ranges[0].decay);
  CHECK(shards[2].ranges[0].begin == 0);
  CHECK(shards[2].ranges[0].end == 64);
}

}  // namespace convllava::parallel
