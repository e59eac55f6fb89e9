// Checkpoints of any number of ranks and any level, resumed with any other.

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>

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
using parallel::Level;
using testing::relative_difference;

struct Setup {
  int ranks;
  Level level;
  std::string name() const { return fmt::format("{}-{}", ranks, parallel::kLevelNames[static_cast<int>(level)].first); }
};

/// The same for this process and for those that run as its ranks.
fs::path folder() {
  const bool is_rank = std::getenv("RANK") != nullptr;
  return fs::temp_directory_path() / fmt::format("convllava_resharding_{}", is_rank ? getppid() : getpid());
}

RunConfig config_of(const fs::path& run, Level level) {
  auto config = testing::tiny_run(folder());
  config.output_dir = run.string();
  config.parallel.shard = level;
  config.train.max_steps = 4;
  config.checkpoint.every_steps = 2;
  config.report.samples = 0;
  return config;
}

/// As `setup.ranks` processes, to the end.
void train(const Setup& setup, const fs::path& run) {
  testing::run_ranks(setup.ranks, [&] {
    distributed::ProcessGroup group(distributed::launch_environment(), torch::kCPU);
    testing::run(config_of(run, setup.level), group);
    group.shutdown();
  });
}

std::map<std::string, torch::Tensor> result_of(const fs::path& run) {
  const auto checkpoint = checkpoint::step_directory(run, 4);
  std::map<std::string, torch::Tensor> tensors;
  for (const auto& part : {checkpoint, checkpoint / "vision_tower"}) {
    const checkpoint::ModelShards files(part);
    for (const auto& item : files.tensors()) tensors[item.first] = files.tensor(item.first);
  }
  const auto states = checkpoint::open_states(checkpoint);
  for (const auto& [name, shape] : states->shapes()) {
    auto values = torch::empty(shape);
    const size_t dot = name.rfind('.');
    states->read({name.substr(0, dot), name.substr(dot + 1), shape, values.strides().vec(), 0, values.numel(),
                  values.view({-1})});
    tensors[name] = values;
  }
  return tensors;
}

/// Whether the run ends where `expected` ends: to the bit, or up to sums in another order.
void check_result(const fs::path& run, const std::map<std::string, torch::Tensor>& expected, bool to_the_bit) {
  const auto found = result_of(run);
  REQUIRE(found.size() == expected.size());
  for (const auto& [name, tensor] : expected) {
    INFO(run << " " << name);
    CHECK((to_the_bit ? torch::equal(found.at(name), tensor) : relative_difference(found.at(name), tensor) < 1e-3));
  }
}

/// Each of `from` saves at step 2; each of `to` resumes from there.
void check_pairs(const std::vector<Setup>& from, const std::vector<Setup>& to) {
  const bool is_rank = std::getenv("RANK") != nullptr;
  if (!is_rank) testing::write_records(folder(), 24);
  for (const auto& saved : from) {
    const auto whole = folder() / saved.name();
    train(saved, whole);
    for (const auto& resumed : to) {
      const auto run = folder() / (saved.name() + "-to-" + resumed.name());
      if (!is_rank) {
        const auto checkpoint = checkpoint::step_directory(whole, 2);
        fs::create_directories(run);
        fs::copy(checkpoint, run / checkpoint.filename(), fs::copy_options::recursive);
      }
      train(resumed, run);
      if (is_rank) continue;
      const bool same = saved.ranks == resumed.ranks && saved.level == resumed.level;
      check_result(run, result_of(whole), same);
      fs::remove_all(run);
    }
  }
  if (!is_rank) fs::remove_all(folder());
}

std::vector<Setup> all_setups() {
  std::vector<Setup> setups;
  for (int ranks = 1; ranks <= 4; ++ranks) {
    for (const auto& [name, level] : parallel::kLevelNames) setups.push_back({ranks, level});
  }
  return setups;
}

}  // namespace

TEST_CASE("a checkpoint of three ranks at level parameters is resumed by others, and by the same to the bit",
          "[stage]") {
  check_pairs({{3, Level::kParameters}}, {{3, Level::kParameters}, {2, Level::kOptimizer}, {1, Level::kNone}});
}

TEST_CASE("a checkpoint of one process is resumed by ranks at every level", "[stage]") {
  check_pairs({{1, Level::kNone}}, {{2, Level::kGradients}, {2, Level::kParameters}});
}

// 272 runs: scripts/long_tests.sh.
TEST_CASE("every number of ranks and level resumes every other", "[.long]") { check_pairs(all_setups(), all_setups()); }

}  // namespace convllava::stage
