#include "convllava/parallel/engine.h"

#include <csignal>

#include "convllava/core/error.h"
#include "convllava/nn/libtorch.h"
#include "tests/catch.h"
#include "tests/support/errors.h"
#include "tests/support/ranks.h"
#include "tests/unit/parallel/blocks.h"

namespace convllava::parallel {
namespace {

using distributed::launch_environment;
using distributed::ProcessGroup;
using testing::Parts;
using testing::run_ranks;
using testing::thrown;

/// Blocks of different sizes: a reduction in the wrong order cannot go unnoticed.
const std::vector<int64_t> kWidths = {3, 70, 5, 11};

/// Row `i` of the global batch.
torch::Tensor sample(int64_t i) { return torch::sin(torch::arange(3, torch::kFloat) + 3 * i).unsqueeze(0); }

Chain seeded_chain(uint64_t seed, torch::ScalarType type = torch::kFloat) {
  torch::manual_seed(seed);
  return Chain(kWidths, type);
}

using Gradients = std::map<std::string, torch::Tensor>;

Gradients gradients_of(const Engine& engine) {
  Gradients gradients;
  for (const auto& unit : engine.units()) {
    for (const auto& parameter : unit.parameters()) gradients[parameter.name] = parameter.tensor.grad().clone();
  }
  return gradients;
}

/// Gradients of the sum over `samples` samples in one process, from the weights of `seed`.
Gradients expected_gradients(uint64_t seed, int64_t samples) {
  Chain chain = seeded_chain(seed);
  Engine engine(chain.blocks(), {});
  for (int64_t i = 0; i < samples; ++i) chain.forward(sample(i)).sum().backward();
  return gradients_of(engine);
}

void check_gradients(const Engine& engine, const Gradients& expected) {
  const auto found = gradients_of(engine);
  REQUIRE(found.size() == expected.size());
  for (const auto& [name, gradient] : expected) {
    INFO(name << ", largest difference " << (found.at(name) - gradient).abs().max());
    CHECK(torch::allclose(found.at(name), gradient, 1e-5, 1e-6));
  }
}

}  // namespace

TEST_CASE("ranks that start from different weights are refused, with the first unit and the ranks", "[parallel]") {
  run_ranks(3, [] {
    ProcessGroup group(launch_environment(), torch::kCPU);
    for (const auto type : {torch::kFloat, torch::kBFloat16}) {
      for (const auto level : {Level::kNone, Level::kParameters}) {
        Chain chain = seeded_chain(1, type);
        chain.layers[1]->weight.requires_grad_(false);
        Engine(chain.blocks(), group, {.shard = level}).require_equal_weights();
        Chain other = seeded_chain(1, type);
        const torch::NoGradGuard no_grad;
        if (group.rank() == 2) other.layers[1]->weight[3][4] += 0.5;
        Engine engine(other.blocks(), group, {.shard = level});
        CHECK(thrown<DistributedError>([&] { engine.require_equal_weights(); }) ==
              Parts{.kind = "the ranks disagree on the weights of llm.1",
                    .expected = "the same files and seed on every rank"});
      }
    }
    group.shutdown();
  });
}

TEST_CASE("reduced gradients are the sum over ranks and micro-batches", "[parallel]") {
  for (const int world : {1, 2, 4}) {
    run_ranks(world, [world] {
      ProcessGroup group(launch_environment(), torch::kCPU);
      Chain chain = seeded_chain(1);
      Engine engine(chain.blocks(), group);
      const auto expected = expected_gradients(1, 8);
      for (int step = 0; step < 3; ++step) {
        engine.begin_step();
        for (int64_t i = group.rank(); i < 8; i += world) {
          engine.begin_micro_batch({.last = i + world >= 8});
          chain.forward(sample(i)).sum().backward();
          CHECK(engine.reductions_started() == (i + world >= 8 ? 3 : 0));
          engine.finish_micro_batch();
        }
        check_gradients(engine, expected);
      }
      group.shutdown();
    });
  }
}

TEST_CASE("ranks without a backward, or with half of one, take part", "[parallel]") {
  run_ranks(3, [] {
    ProcessGroup group(launch_environment(), torch::kCPU);
    Chain chain = seeded_chain(1);
    Engine engine(chain.blocks(), group);
    const auto last_layer = [&] { return chain.layers[2](torch::ones({1, 5})).sum(); };
    engine.begin_micro_batch({});
    if (group.rank() == 0) chain.forward(sample(0)).sum().backward();
    if (group.rank() == 1) last_layer().backward();
    engine.finish_micro_batch();

    auto expected = expected_gradients(1, 1);
    Chain reference = seeded_chain(1);
    Engine one(reference.blocks(), {});
    reference.layers[2](torch::ones({1, 5})).sum().backward();
    for (const char* name : {"llm.2.weight", "llm.2.bias"}) expected[name] = expected[name] + gradients_of(one)[name];
    check_gradients(engine, expected);
    group.shutdown();
  });
}

TEST_CASE("the order of reductions does not depend on the order of a rank's gradients", "[parallel]") {
  run_ranks(2, [] {
    ProcessGroup group(launch_environment(), torch::kCPU);
    Chain chain = seeded_chain(1);
    Engine engine(chain.blocks(), group);
    engine.begin_micro_batch({});
    for (size_t n = 0; n < 3; ++n) {
      auto& layer = chain.layers[group.rank() == 0 ? n : 2 - n];
      layer(torch::ones({1, layer->options.in_features()})).sum().backward();
    }
    engine.finish_micro_batch();
    for (const auto& layer : chain.layers) {
      CHECK(torch::equal(layer->weight.grad(), torch::full_like(layer->weight, 2)));
      CHECK(torch::equal(layer->bias.grad(), torch::full_like(layer->bias, 2)));
    }
    group.shutdown();
  });
}

TEST_CASE("ranks with different trainable parameters report an error", "[parallel]") {
  run_ranks(2, [] {
    ProcessGroup group(launch_environment(), torch::kCPU);
    Chain chain = seeded_chain(1);
    auto blocks = chain.blocks();
    if (group.rank() == 1) blocks[1].parameters[0].first += "_of_another_name";
    CHECK(thrown<DistributedError>([&] { Engine engine(blocks, group); }) ==
          Parts{.kind = "the ranks disagree on fingerprint of trainable parameters",
                .expected = "the same configuration on every rank"});
    if (group.rank() == 1) chain.layers[1]->bias.requires_grad_(false);
    CHECK(
        thrown<DistributedError>([&] { Engine engine(chain.blocks(), group); }) ==
        Parts{.kind = "the ranks disagree on trainable elements", .expected = "the same configuration on every rank"});
    group.shutdown();
  });
}

TEST_CASE("a rank that dies during training fails the others' backward with its number", "[parallel]") {
  run_ranks(
      2,
      [] {
        ProcessGroup group(launch_environment(), torch::kCPU);
        Chain chain = seeded_chain(1);
        Engine engine(chain.blocks(), group);
        const auto error = thrown<DistributedError>([&] {
          for (int step = 0; step < 100; ++step) {
            engine.begin_step();
            engine.begin_micro_batch({});
            if (group.rank() == 1 && step == 10) raise(SIGKILL);
            chain.forward(sample(step)).sum().backward();
            engine.finish_micro_batch();
          }
        });
        CHECK(error == Parts{.where = "rank 0 of 2", .kind = "rank 1 died: it was killed or crashed"});
        // Also when the failure is known before backward starts.
        engine.begin_micro_batch({});
        CHECK_THROWS_AS(chain.forward(sample(0)).sum().backward(), DistributedError);
        CHECK_THROWS_AS(engine.finish_micro_batch(), DistributedError);
      },
      {},
      [](const std::vector<testing::RankOutcome>& outcomes) {
        CHECK(outcomes[0].exit_code == 0);
        CHECK(outcomes[1].signal == SIGKILL);
      });
}

}  // namespace convllava::parallel
