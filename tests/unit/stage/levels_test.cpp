// The levels of sharding: each trains what one process trains.

#include <fmt/format.h>

#include "convllava/checkpoint/run_folder.h"
#include "convllava/stage/training_run.h"
#include "tests/support/files.h"
#include "tests/support/golden.h"
#include "tests/support/ranks.h"
#include "tests/support/tiny_run.h"
#include "tests/unit/stage/runs.h"

namespace convllava::stage {
namespace {

namespace fs = std::filesystem;
using convllava::testing::run_ranks;
using parallel::Level;

constexpr std::pair<const char*, Level> kLevels[] = {{"none", Level::kNone},
                                                     {"optimizer", Level::kOptimizer},
                                                     {"gradients", Level::kGradients},
                                                     {"parameters", Level::kParameters}};

using Weights = std::map<std::string, torch::Tensor>;

Weights weights_of(const fs::path& run, int64_t step) {
  const auto checkpoint = checkpoint::step_directory(run, step);
  Weights weights;
  for (const auto& folder : {checkpoint, checkpoint / "vision_tower"}) {
    const checkpoint::ModelShards files(folder);
    for (const auto& item : files.tensors()) weights[item.first] = files.tensor(item.first);
  }
  return weights;
}

void check_equal(const Weights& found, const Weights& expected) {
  REQUIRE(found.size() == expected.size());
  for (const auto& [name, tensor] : expected) {
    INFO(name);
    CHECK(torch::equal(found.at(name), tensor));
  }
}

/// A folder that all ranks see, with data in which some ranks have no image in a step.
struct Ranks {
  Ranks() : group(distributed::launch_environment(), torch::kCPU) {
    const auto port = distributed::launch_environment().master_port;
    folder = fs::temp_directory_path() / fmt::format("convllava_levels_{}", port);
    if (group.rank() == 0) testing::write_records(folder, 24);
    group.barrier();
  }
  ~Ranks() {
    std::error_code ignored;
    if (group.rank() == 0) fs::remove_all(folder, ignored);
  }

  /// One micro-batch a step, no clipping: what levels compute is equal to the bit.
  RunConfig config() const {
    auto config = testing::tiny_run(folder);
    config.data.group_by = data::Grouping::kNone;
    config.train.global_batch_size = 4;
    config.train.micro_batch_size = 2;
    config.train.max_grad_norm = 0;
    config.train.max_steps = 5;
    config.report.samples = 0;
    config.data.validation_share = 0.2;
    return config;
  }

  Weights train(RunConfig config, const std::string& name, Level level) {
    config.output_dir = (folder / name).string();
    config.parallel.shard = level;
    testing::run(config, group);
    group.barrier();
    return weights_of(config.output_dir, config.train.max_steps);
  }

  distributed::ProcessGroup group;
  fs::path folder;
};

/// All levels train `config` alike, to the bit.
void check_levels(const std::function<void(RunConfig&)>& change) {
  Ranks ranks;
  auto config = ranks.config();
  change(config);
  const auto expected = ranks.train(config, "none", Level::kNone);
  const auto losses = testing::logged_losses(ranks.folder / "none");
  for (const auto& [name, level] : kLevels) {
    if (level == Level::kNone) continue;
    INFO("level " << name);
    check_equal(ranks.train(config, name, level), expected);
    CHECK(testing::logged_losses(ranks.folder / name) == losses);
  }
  ranks.group.shutdown();
}

}  // namespace

TEST_CASE("two ranks train the same at all levels", "[stage]") {
  run_ranks(2, [] { check_levels([](RunConfig&) {}); });
}

TEST_CASE("three ranks train the same at all levels, whose parts cut parameters in the middle", "[stage]") {
  run_ranks(3, [] { check_levels([](RunConfig& config) { config.train.global_batch_size = 6; }); });
}

}  // namespace convllava::stage
