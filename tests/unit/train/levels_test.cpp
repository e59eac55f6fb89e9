// Training at each level of sharding, whatever is trained and wherever the samples are.

#include <array>
#include <cmath>
#include <set>

#include "convllava/data/mixture.h"
#include "convllava/nn/init.h"
#include "convllava/parallel/level_needs.h"
#include "convllava/setup/build_model.h"
#include "convllava/text/tokenizer.h"
#include "convllava/train/train_step.h"
#include "tests/support/golden.h"
#include "tests/support/ranks.h"
#include "tests/support/tiny_run.h"

using namespace convllava;
using parallel::Level;

namespace {

constexpr Level kLevels[] = {Level::kNone, Level::kOptimizer, Level::kGradients, Level::kParameters};

struct Case {
  std::vector<std::string> trainable = {"vision.stages.3-5", "projector", "llm"};
  std::vector<std::string> recompute = {};
  bool tied = false;
  int64_t samples = 4;  ///< in a step; with fewer than ranks, one of them has none
  int64_t micro_batch = 4;
  double max_grad_norm = 0;
  int steps = 3;
  torch::ScalarType dtype = torch::kFloat;
};

struct Trained {
  std::map<std::string, torch::Tensor> before;
  std::map<std::string, torch::Tensor> after;
  std::map<std::string, std::string> units;  ///< by parameter
  std::vector<double> norms;
  double sent = 0;            ///< bytes of the last step, with the sums of a few numbers
  parallel::LevelNeeds held;  ///< what the units had between steps
  parallel::LevelNeeds needs;
};

int64_t bytes_of(const torch::Tensor& tensor) { return static_cast<int64_t>(tensor.nbytes()); }

/// Each storage once.
parallel::LevelNeeds held_by(const parallel::Engine& engine, const optim::Optimizer& optimizer) {
  parallel::LevelNeeds held;
  for (const auto& unit : engine.units()) {
    const auto& weights = unit.weights();
    if (weights.allocated()) held.weights += bytes_of(weights.tensor());
    if (!weights.allocated() || !unit.own_weights().is_alias_of(weights.tensor())) {
      held.weights += bytes_of(unit.own_weights());
    }
    if (!unit.trained()) continue;
    const auto& gradient = unit.gradient();
    if (gradient.allocated()) held.gradients += bytes_of(gradient.tensor());
    if (!gradient.allocated() || !unit.own_gradient().is_alias_of(gradient.tensor())) {
      held.gradients += bytes_of(unit.own_gradient());
    }
  }
  std::set<const void*> seen;
  for (const auto& piece : optimizer.state()) {
    const auto& storage = piece.values.storage();
    if (seen.insert(storage.data()).second) held.optimizer += static_cast<int64_t>(storage.nbytes());
  }
  return held;
}

std::map<std::string, torch::Tensor> weights_of(const model::ConvLlavaImpl& model, parallel::Engine& engine) {
  const parallel::WholeWeights whole(engine);
  std::map<std::string, torch::Tensor> weights;
  for (const auto& item : model.named_parameters()) weights[item.key()] = item.value().detach().clone();
  return weights;
}

/// Data without grouping: in a step some ranks have images, some have texts alone.
Trained train_at(const stage::RunConfig& config, const Case& options, Level level, distributed::ProcessGroup group) {
  const auto tokenizer = testing::small_tokenizer();
  auto shape = setup::resolve_model_shape(config.model);
  shape.llm.tie_word_embeddings = options.tied;
  auto model = setup::build_model(config.model, shape, options.dtype, config.seed);
  setup::set_trainable(*model, options.trainable);
  model->set_recompute(options.recompute);
  const auto data = stage::open_data(config, shape.vision, tokenizer);
  data::LoaderSetup setup{config.data, config.train, 1, group.rank(), group.world_size()};
  setup.global_batch_size = options.samples;
  setup.micro_batch_size = options.micro_batch;
  data::Loader loader(*data.train.dataset, data.train.members, setup);
  parallel::Engine engine(model->blocks(), group, {.shard = level});
  model->set_observer(engine.observer());
  optim::Optimizer optimizer(optim::make_rule({}), engine.shards());
  Trained trained;
  trained.before = weights_of(*model, engine);
  for (const auto& unit : engine.units()) {
    for (const auto& parameter : unit.parameters()) trained.units[parameter.name] = unit.name();
  }
  for (int step = 0; step < options.steps; ++step) {
    const auto batch = loader.next();
    const auto counts = train::global_counts(batch, group);
    const auto before = group.traffic().bytes;
    const auto outcome = train::train_step(*model, batch, counts, engine, optimizer, {options.max_grad_norm},
                                           [](const parallel::FlatRange& range) {
                                             return optim::Rates{1e-3, range.decay ? 0.1 : 0.0};
                                           });
    trained.sent = group.traffic().bytes - before;
    trained.held = held_by(engine, optimizer);
    trained.norms.push_back(outcome.gradient_norm.item<double>());
  }
  const auto ranks = group.world_size();
  trained.needs = parallel::level_needs(
      model->blocks(), {.shard = level},
      {.ranks = ranks,
       .micro_batches = (options.samples + ranks * options.micro_batch - 1) / (ranks * options.micro_batch),
       .weight_bytes = static_cast<int64_t>(torch::elementSize(options.dtype)),
       .optimizer_bytes = options.dtype == torch::kFloat ? 8 : 12});
  trained.after = weights_of(*model, engine);
  return trained;
}

stage::RunConfig config_in(const testing::TemporaryFolder& folder, int records = 16) {
  testing::write_records(folder.path(), records);
  auto config = testing::tiny_run(folder.path());
  config.data.group_by = data::Grouping::kNone;
  return config;
}

/// All levels compute the same bits: they add in one order.
void check_levels_equal(const Case& options) {
  const testing::TemporaryFolder folder;
  const auto config = config_in(folder);
  distributed::ProcessGroup group(distributed::launch_environment(), torch::kCPU);
  const auto expected = train_at(config, options, Level::kNone, group);
  int64_t moved = 0;
  for (const auto& [name, tensor] : expected.after) moved += !torch::equal(tensor, expected.before.at(name));
  CHECK(moved > 0);
  for (const auto level : kLevels) {
    const auto found = train_at(config, options, level, group);
    for (const auto& [name, tensor] : expected.after) {
      INFO(name << " at level " << static_cast<int>(level));
      CHECK(torch::equal(found.after.at(name), tensor));
    }
    CHECK(found.held.weights == found.needs.weights);
    CHECK(found.held.gradients == found.needs.gradients);
    CHECK(found.held.optimizer == found.needs.optimizer);
    // Squares of some thousand numbers, added in fp32 in another order; measured 1.2e-6.
    for (size_t i = 0; i < expected.norms.size(); ++i) CHECK(found.norms[i] == Approx(expected.norms[i]).epsilon(1e-5));
  }
  group.shutdown();
}

/// Every rank compares what the group trains with what it trains alone.
void check_against_one_process(const Case& options) {
  const testing::TemporaryFolder folder;
  const auto config = config_in(folder);
  distributed::ProcessGroup group(distributed::launch_environment(), torch::kCPU);
  const auto expected = train_at(config, options, Level::kNone, {});
  for (const auto level : kLevels) {
    const auto found = train_at(config, options, level, group);
    std::map<std::string, std::array<double, 3>> units;  // squares of differences, weights and ways
    for (const auto& [name, tensor] : expected.after) {
      const auto square = [](const torch::Tensor& t) { return t.to(torch::kDouble).square().sum().item<double>(); };
      auto& sums = units[expected.units.at(name)];
      sums[0] += square(found.after.at(name) - tensor);
      sums[1] += square(tensor);
      sums[2] += square(tensor - expected.before.at(name));
    }
    for (const auto& [name, sums] : units) {
      INFO(name << " at level " << static_cast<int>(level));
      CHECK(std::sqrt(sums[0] / sums[1]) < 1e-6);
      CHECK(std::sqrt(sums[0]) <= 1e-4 * std::sqrt(sums[2]));
    }
  }
  group.shutdown();
}

}  // namespace

TEST_CASE("two to four ranks compute the same bits at all levels", "[train]") {
  testing::run_ranks(2, [] { check_levels_equal({}); });
  testing::run_ranks(3, [] { check_levels_equal({.samples = 6, .dtype = torch::kBFloat16}); });
  testing::run_ranks(4, [] { check_levels_equal({.recompute = {"vision", "llm"}}); });
}

TEST_CASE("a step sends the bytes of the formula", "[train]") {
  for (const int world : {2, 3}) {
    testing::run_ranks(world, [world] {
      const testing::TemporaryFolder folder;
      const auto config = config_in(folder, 12 * world);
      distributed::ProcessGroup group(distributed::launch_environment(), torch::kCPU);
      for (const auto level : kLevels) {
        INFO("level " << static_cast<int>(level) << ", " << world << " ranks");
        // Micro-batches of so many samples that each has an image somewhere.
        const Case options{.samples = 12 * world, .micro_batch = 6, .steps = 1};
        const auto trained = train_at(config, options, level, group);
        // The norms of three modules.
        const double norms = level == Level::kNone ? 0 : 2 * 12.0 * (world - 1) / world;
        CHECK(trained.sent == Approx(trained.needs.sent + norms).epsilon(1e-12));
      }
      group.shutdown();
    });
  }
}

TEST_CASE("a rank without a sample takes part at every level", "[train]") {
  testing::run_ranks(4, [] { check_levels_equal({.samples = 3}); });
}

TEST_CASE("levels are equal where only the projector is trained, and ranks with texts alone have no backward",
          "[train]") {
  testing::run_ranks(3, [] { check_levels_equal({.trainable = {"projector"}, .samples = 3}); });
}

TEST_CASE("levels are equal with tied embeddings, stored and recomputed", "[train]") {
  testing::run_ranks(2, [] { check_levels_equal({.tied = true}); });
  testing::run_ranks(2, [] { check_levels_equal({.recompute = {"llm"}, .tied = true}); });
}

TEST_CASE("levels are equal with frozen layers between trained ones", "[train]") {
  testing::run_ranks(2, [] { check_levels_equal({.trainable = {"vision.stages.4", "llm.layers.0", "llm.norm"}}); });
}

TEST_CASE("20 steps of accumulation and clipping end where one process ends, at every level", "[train]") {
  const Case options{.samples = 6, .micro_batch = 1, .max_grad_norm = 1, .steps = 20};
  testing::run_ranks(2, [&] { check_against_one_process(options); });
}
