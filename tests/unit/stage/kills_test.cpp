// Ranks that are killed at any time, also while they save: no run is lost, and it ends where it would have ended.

#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <thread>

#include "convllava/checkpoint/checksums.h"
#include "convllava/checkpoint/run_folder.h"
#include "convllava/core/error.h"
#include "convllava/core/random.h"
#include "convllava/stage/training_run.h"
#include "tests/support/files.h"
#include "tests/support/ranks.h"
#include "tests/support/tiny_run.h"
#include "tests/unit/stage/runs.h"

namespace convllava::stage {
namespace {

namespace fs = std::filesystem;
using parallel::Level;

constexpr int64_t kSteps = 40;

bool is_rank() { return std::getenv("RANK") != nullptr; }

/// The same for this process and for those that run as its ranks.
fs::path folder() {
  return fs::temp_directory_path() / fmt::format("convllava_kills_{}", is_rank() ? getppid() : getpid());
}

/// Saves after each step, so that many kills come in the middle of a save.
RunConfig config_of(const std::string& name, Level level) {
  auto config = testing::tiny_run(folder());
  config.output_dir = (folder() / name).string();
  config.parallel.shard = level;
  config.train.epochs = 100;
  config.train.max_steps = kSteps;
  config.checkpoint.every_steps = 1;
  config.report.samples = 0;
  return config;
}

/// Kills this process after some milliseconds, unless that is none.
void kill_later(int64_t milliseconds) {
  if (milliseconds == 0) return;
  std::thread([milliseconds] {
    std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
    std::raise(SIGKILL);
  }).detach();
}

/// `victim` dies after `milliseconds`.
void train(const RunConfig& config, int ranks, int victim, int64_t milliseconds) {
  testing::run_ranks(
      ranks,
      [&] {
        const auto environment = distributed::launch_environment();
        distributed::ProcessGroup group(environment, torch::kCPU);
        if (group.rank() == victim) kill_later(milliseconds);
        try {
          testing::run(config, group);
        } catch (const DistributedError&) {
          std::_Exit(exit_code(DistributedError("")));
        }
        group.shutdown();
      },
      {.timeout = std::chrono::seconds(60)},
      [&](const std::vector<testing::RankOutcome>& outcomes) {
        const bool killed = outcomes[static_cast<size_t>(victim)].signal == SIGKILL;
        for (int rank = 0; rank < ranks; ++rank) {
          const auto& outcome = outcomes[static_cast<size_t>(rank)];
          CHECK_FALSE(outcome.timed_out);
          if (rank == victim && killed) continue;
          // One that had finished before the kill ends well.
          CHECK((outcome.exit_code == 0 || (killed && outcome.exit_code == 5)));
        }
      });
}

/// Every checkpoint of a run is whole, to the last byte.
void check_checkpoints(const fs::path& run) {
  for (const auto& found : checkpoint::list_checkpoints(run)) {
    INFO(found.path);
    const auto checksums = checkpoint::read_checksums(found.path);
    REQUIRE(checksums);
    for (const auto& [path, checksum] : *checksums)
      CHECK(checkpoint::checksum_of(found.path / path).chunks == checksum.chunks);
  }
}

void check_kills(int kills, int ranks, Level level) {
  if (!is_rank()) testing::write_records(folder(), 24);
  train(config_of("undisturbed", level), ranks, 0, 0);
  core::Random random(static_cast<uint64_t>(kills) * 10 + static_cast<uint64_t>(level));
  const auto config = config_of("killed", level);
  for (int i = 0; i < kills; ++i) {
    const int victim = static_cast<int>(random.below(static_cast<uint64_t>(ranks)));
    const auto milliseconds = static_cast<int64_t>(1 + random.below(2500));
    INFO("kill " << i << " of rank " << victim << " after " << milliseconds << " ms");
    train(config, ranks, victim, milliseconds);
    if (is_rank()) continue;
    check_checkpoints(config.output_dir);
    const auto last = checkpoint::latest_checkpoint(config.output_dir);
    // A run that is complete starts again.
    if (last && last->step == kSteps) fs::remove_all(checkpoint::step_directory(config.output_dir, kSteps));
  }
  train(config, ranks, 0, 0);
  if (is_rank()) return;
  const auto end = checkpoint::step_directory(config.output_dir, kSteps);
  const auto expected = checkpoint::step_directory(folder() / "undisturbed", kSteps);
  const auto checksums = checkpoint::read_checksums(end);
  const auto undisturbed = checkpoint::read_checksums(expected);
  REQUIRE(checksums);
  REQUIRE(undisturbed);
  int compared = 0;
  for (const auto& [path, checksum] : *undisturbed) {
    if (!path.ends_with(".safetensors")) continue;
    INFO(path);
    CHECK(checksums->at(path).chunks == checksum.chunks);
    ++compared;
  }
  CHECK(compared >= 2 * ranks);
  fs::remove_all(folder());
}

}  // namespace

TEST_CASE("a rank that is killed at any time costs no checkpoint, and the run ends as if it had not been", "[stage]") {
  check_kills(5, 2, Level::kParameters);
}

// scripts/long_tests.sh
TEST_CASE("200 kills at every level lose nothing", "[.long]") {
  for (const auto& [name, level] : parallel::kLevelNames) check_kills(50, 3, level);
}

}  // namespace convllava::stage
