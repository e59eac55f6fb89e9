#include <functional>

#include "convllava/nn/libtorch.h"
#include "convllava/nn/recompute.h"
#include "convllava/parallel/engine.h"
#include "tests/catch.h"
#include "tests/unit/parallel/blocks.h"

// When a unit's reduction starts; one rank is enough to see it.

namespace convllava::parallel {
namespace {

using testing::contains;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct Callback : torch::CustomClassHolder {
  explicit Callback(std::function<void()> function) : call(std::move(function)) {}
  std::function<void()> call;
};

/// Identity that calls back when backward passes it.
struct Probe : torch::autograd::Function<Probe> {
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& x,
                               const c10::intrusive_ptr<Callback>& f) {
    context->saved_data["callback"] = c10::IValue::make_capsule(f);
    return x.view_as(x);
  }
  static variable_list backward(AutogradContext* context, variable_list gradients) {
    static_cast<Callback&>(*context->saved_data["callback"].toCapsule()).call();
    return {gradients[0], torch::Tensor()};
  }
};

torch::Tensor probe(const torch::Tensor& x, std::function<void()> function) {
  return Probe::apply(x, c10::make_intrusive<Callback>(std::move(function)));
}

/// A layer whose backward runs the layer again and calls the engine from inside the engine.
struct Reentrant : torch::autograd::Function<Reentrant> {
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& x,
                               const c10::intrusive_ptr<Callback>& layer) {
    context->save_for_backward({x});
    context->saved_data["layer"] = c10::IValue::make_capsule(layer);
    layer->call();
    return x.clone();
  }
  static variable_list backward(AutogradContext* context, variable_list gradients) {
    static_cast<Callback&>(*context->saved_data["layer"].toCapsule()).call();
    return {gradients[0], torch::Tensor()};
  }
};

}  // namespace

TEST_CASE("a unit's reduction starts before backward has ended", "[parallel]") {
  Chain chain({3, 4, 5, 6});
  Engine engine(chain.blocks(), {});
  std::vector<int64_t> started;
  const auto note = [&] { started.push_back(engine.reductions_started()); };
  engine.begin_micro_batch({});
  auto x = torch::randn({2, 3}).requires_grad_();
  for (auto& layer : chain.layers) x = layer(probe(x, note));
  x.sum().backward();
  // Autograd reaches the probe in front of a layer after that layer's own gradients or just before them.
  REQUIRE(started.size() == 3);
  CHECK(started[1] >= 1);
  CHECK(started[2] >= 2);
  CHECK(engine.reductions_started() == 3);
  engine.finish_micro_batch();
  CHECK(engine.reductions_started() == 3);
}

TEST_CASE("only the last micro-batch of a step is reduced", "[parallel]") {
  Chain chain({3, 4, 5});
  Engine engine(chain.blocks(), {});
  for (int micro = 0; micro < 2; ++micro) {
    engine.begin_micro_batch({.last = false});
    chain.forward(torch::randn({2, 3})).sum().backward();
    engine.finish_micro_batch();
    CHECK(engine.reductions_started() == 0);
  }
  engine.begin_micro_batch({});
  chain.forward(torch::randn({2, 3})).sum().backward();
  CHECK(engine.reductions_started() == 2);
  engine.finish_micro_batch();
  engine.begin_micro_batch({});
  CHECK(engine.reductions_started() == 0);
}

TEST_CASE("a unit waits for those behind it", "[parallel]") {
  Chain chain({4, 4, 4, 4});
  Engine engine(chain.blocks(), {});
  engine.begin_micro_batch({});
  chain.layers[0](torch::randn({2, 4})).sum().backward();
  CHECK(engine.reductions_started() == 0);
  chain.layers[2](torch::randn({2, 4})).sum().backward();
  CHECK(engine.reductions_started() == 1);
  chain.layers[1](torch::randn({2, 4})).sum().backward();
  CHECK(engine.reductions_started() == 3);
  engine.finish_micro_batch();
}

TEST_CASE("finishing without a backward reduces everything", "[parallel]") {
  Chain chain({3, 4, 5});
  Engine engine(chain.blocks(), {});
  engine.begin_micro_batch({});
  engine.finish_micro_batch();
  CHECK(engine.reductions_started() == 2);
}

TEST_CASE("a parameter that forward uses twice counts once", "[parallel]") {
  Chain chain({4, 4, 4});
  auto blocks = chain.blocks();
  // Tied weights: the second block names a parameter of the first as well.
  blocks[1].parameters.emplace_back("llm.1.tied", chain.layers[0]->weight);
  Engine engine(blocks, {});
  CHECK(engine.units()[1].parameters().size() == 2);
  engine.begin_micro_batch({});
  auto x = chain.forward(torch::randn({2, 4}));
  torch::nn::functional::linear(chain.forward(x), chain.layers[0]->weight).sum().backward();
  CHECK(engine.reductions_started() == 2);
  engine.finish_micro_batch();
}

TEST_CASE("a second backward in a last micro-batch is refused", "[parallel]") {
  Chain chain({3, 4});
  Engine engine(chain.blocks(), {});
  engine.begin_micro_batch({});
  chain.forward(torch::randn({2, 3})).sum().backward();
  CHECK_THROWS_WITH(chain.forward(torch::randn({2, 3})).sum().backward(),
                    contains("block llm.0 got a second gradient in a micro-batch"));
}

TEST_CASE("a gradient that was replaced is noticed", "[parallel]") {
  Chain chain({3, 4});
  Engine engine(chain.blocks(), {});
  engine.begin_micro_batch({});
  chain.layers[0]->zero_grad();
  CHECK_THROWS_WITH(chain.forward(torch::randn({2, 3})).sum().backward(),
                    contains("the gradient of llm.0.") && contains("was replaced"));
}

TEST_CASE("recomputed blocks are reduced like others", "[parallel]") {
  for (const auto type : {torch::kFloat, torch::kBFloat16}) {
    Chain chain({4, 4, 4}, type);
    Engine engine(chain.blocks(), {});
    const auto x = torch::randn({2, 4}, type);
    chain.forward(x).sum().backward();
    std::vector<torch::Tensor> expected;
    for (const auto& unit : engine.units()) expected.push_back(unit.gradient().tensor().clone());
    engine.begin_step();

    engine.begin_micro_batch({});
    auto y = x;
    for (auto& layer : chain.layers) {
      const auto block = [&layer](const torch::Tensor& in) { return torch::tanh(layer(in)); };
      y = nn::recompute(block, y, layer->parameters());
    }
    y.sum().backward();
    CHECK(engine.reductions_started() == 2);
    engine.finish_micro_batch();
    for (size_t i = 0; i < expected.size(); ++i)
      CHECK(torch::equal(engine.units()[i].gradient().tensor(), expected[i]));
  }
}

TEST_CASE("gradients from a backward inside backward start reductions too", "[parallel]") {
  Chain chain({4, 4, 4});
  Engine engine(chain.blocks(), {});
  const auto inner = c10::make_intrusive<Callback>([&] {
    if (!torch::GradMode::is_enabled()) {
      const torch::AutoGradMode grad(true);
      chain.layers[1](torch::ones({2, 4})).sum().backward();
    }
  });
  const auto nothing = c10::make_intrusive<Callback>([] {});
  engine.begin_micro_batch({});
  auto x = chain.layers[0](torch::ones({2, 4}));
  inner->call = [calls = 0, call = inner->call]() mutable {
    if (calls++ > 0) call();
  };
  Reentrant::apply(x, inner).sum().backward();
  CHECK(engine.reductions_started() == 2);
  engine.finish_micro_batch();
  CHECK(chain.layers[1]->weight.grad().eq(2).all().item<bool>());
}

TEST_CASE("the hooks go with the units", "[parallel]") {
  Chain chain({3, 4});
  {
    Engine engine(chain.blocks(), {});
    engine.begin_micro_batch({});
  }
  chain.forward(torch::randn({2, 3})).sum().backward();
  CHECK(chain.layers[0]->weight.grad().defined());
}

}  // namespace convllava::parallel
