#include "convllava/parallel/replicate.h"

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

/// Gradients of the sum over `samples` samples in one process, from the weights of `seed`.
std::vector<torch::Tensor> expected_gradients(uint64_t seed, int64_t samples) {
  Chain chain = seeded_chain(seed);
  Replicate units(chain.blocks(), {});
  for (int64_t i = 0; i < samples; ++i) chain.forward(sample(i)).sum().backward();
  std::vector<torch::Tensor> gradients;
  for (const auto& unit : units.units()) gradients.push_back(unit.gradient());
  return gradients;
}

void check_gradients(const Replicate& units, const std::vector<torch::Tensor>& expected) {
  REQUIRE(units.units().size() == expected.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    const auto& gradient = units.units()[i].gradient();
    INFO("unit " << i << ", largest difference " << (gradient - expected[i]).abs().max());
    CHECK(torch::allclose(gradient, expected[i], 1e-5, 1e-6));
  }
}

}  // namespace

TEST_CASE("all ranks start from the parameters of rank 0, frozen ones included", "[parallel]") {
  run_ranks(3, [] {
    ProcessGroup group(launch_environment(), torch::kCPU);
    for (const auto type : {torch::kFloat, torch::kBFloat16}) {
      Chain chain = seeded_chain(group.rank() + 1, type);
      chain.layers[0]->weight.requires_grad_(false);
      chain.layers[2]->weight.requires_grad_(false);
      chain.layers[2]->bias.requires_grad_(false);
      const Replicate units(chain.blocks(), group);
      CHECK(units.units().size() == 2);
      const Chain first = seeded_chain(1, type);
      for (size_t i = 0; i < first.layers.size(); ++i) {
        CHECK(torch::equal(chain.layers[i]->weight, first.layers[i]->weight));
        CHECK(torch::equal(chain.layers[i]->bias, first.layers[i]->bias));
      }
    }
    group.shutdown();
  });
}

TEST_CASE("reduced gradients are the sum over ranks and micro-batches", "[parallel]") {
  for (const int world : {1, 2, 4}) {
    run_ranks(world, [world] {
      ProcessGroup group(launch_environment(), torch::kCPU);
      Chain chain = seeded_chain(group.rank() + 1);
      Replicate units(chain.blocks(), group);
      const auto expected = expected_gradients(1, 8);
      for (int step = 0; step < 3; ++step) {
        units.zero_gradients();
        for (int64_t i = group.rank(); i < 8; i += world) {
          if (i + world >= 8) units.begin_reduction();
          chain.forward(sample(i)).sum().backward();
        }
        CHECK(units.reductions_started() == 3);
        units.finish_reduction();
        check_gradients(units, expected);
      }
      group.shutdown();
    });
  }
}

TEST_CASE("ranks without a backward, or with half of one, take part", "[parallel]") {
  run_ranks(3, [] {
    ProcessGroup group(launch_environment(), torch::kCPU);
    Chain chain = seeded_chain(1);
    Replicate units(chain.blocks(), group);
    const auto last_layer = [&] { return chain.layers[2](torch::ones({1, 5})).sum(); };
    units.begin_reduction();
    if (group.rank() == 0) chain.forward(sample(0)).sum().backward();
    if (group.rank() == 1) last_layer().backward();
    units.finish_reduction();

    auto expected = expected_gradients(1, 1);
    Chain reference = seeded_chain(1);
    Replicate one(reference.blocks(), {});
    reference.layers[2](torch::ones({1, 5})).sum().backward();
    expected[2] = expected[2] + one.units()[2].gradient();
    check_gradients(units, expected);
    group.shutdown();
  });
}

TEST_CASE("the order of reductions does not depend on the order of a rank's gradients", "[parallel]") {
  run_ranks(2, [] {
    ProcessGroup group(launch_environment(), torch::kCPU);
    Chain chain = seeded_chain(1);
    Replicate units(chain.blocks(), group);
    units.begin_reduction();
    for (size_t n = 0; n < 3; ++n) {
      auto& layer = chain.layers[group.rank() == 0 ? n : 2 - n];
      layer(torch::ones({1, layer->options.in_features()})).sum().backward();
    }
    units.finish_reduction();
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
    CHECK(thrown<DistributedError>([&] { Replicate units(blocks, group); }) ==
          Parts{.kind = "the ranks disagree on fingerprint of trainable parameters",
                .expected = "the same configuration on every rank"});
    if (group.rank() == 1) chain.layers[1]->bias.requires_grad_(false);
    CHECK(
        thrown<DistributedError>([&] { Replicate units(chain.blocks(), group); }) ==
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
        Replicate units(chain.blocks(), group);
        const auto error = thrown<DistributedError>([&] {
          for (int step = 0; step < 100; ++step) {
            units.zero_gradients();
            units.begin_reduction();
            if (group.rank() == 1 && step == 10) raise(SIGKILL);
            chain.forward(sample(step)).sum().backward();
            units.finish_reduction();
          }
        });
        CHECK(error == Parts{.where = "rank 0 of 2", .kind = "rank 1 died: it was killed or crashed"});
        // Also when the failure is known before backward starts.
        units.begin_reduction();
        CHECK_THROWS_AS(chain.forward(sample(0)).sum().backward(), DistributedError);
        CHECK_THROWS_AS(units.finish_reduction(), DistributedError);
      },
      {},
      [](const std::vector<testing::RankOutcome>& outcomes) {
        CHECK(outcomes[0].exit_code == 0);
        CHECK(outcomes[1].signal == SIGKILL);
      });
}

}  // namespace convllava::parallel
