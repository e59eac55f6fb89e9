// The trainer with several ranks.

#include "tests/support/ranks.h"

#include <fmt/format.h>

#include <csignal>
#include <thread>

#include "convllava/checkpoint/run_folder.h"
#include "convllava/core/error.h"
#include "convllava/core/files.h"
#include "convllava/core/stop_signal.h"
#include "convllava/stage/training_run.h"
#include "tests/support/errors.h"
#include "tests/support/files.h"
#include "tests/support/golden.h"
#include "tests/support/process.h"
#include "tests/support/tiny_run.h"
#include "tests/unit/stage/runs.h"

namespace convllava::stage {
namespace {

namespace fs = std::filesystem;
using convllava::testing::contains;
using convllava::testing::logged_losses;
using convllava::testing::Parts;
using convllava::testing::run_ranks;
using convllava::testing::thrown;

/// A rank of a test, with a folder that all of them see and the records of `tiny_run` in it.
struct Rank {
  Rank()
      : environment(distributed::launch_environment()),
        group(environment, torch::kCPU),
        folder(fs::temp_directory_path() / fmt::format("convllava_train_ranks_{}", environment.master_port)) {
    if (group.rank() == 0) testing::write_records(folder, 24);
    group.barrier();
  }
  ~Rank() {
    std::error_code ignored;
    if (group.rank() == 0) fs::remove_all(folder, ignored);
  }
  stage::RunConfig config() const { return testing::tiny_run(folder); }

  distributed::LaunchEnvironment environment;
  distributed::ProcessGroup group;
  fs::path folder;
};

void check_close(const std::vector<double>& found, const std::vector<double>& expected) {
  REQUIRE(found.size() == expected.size());
  // Sums over other groups of samples: fp32 rounding, carried on through the steps of AdamW.
  for (size_t i = 0; i < found.size(); ++i) CHECK(found[i] == Approx(expected[i]).epsilon(1e-4));
}

}  // namespace

TEST_CASE("ranks train the run of one process, and one process resumes it", "[stage]") {
  run_ranks(2, [] {
    Rank rank;
    auto config = rank.config();
    config.data.validation_share = 0.2;
    config.report.validate_every = 3;
    config.checkpoint.every_steps = 2;
    config.checkpoint.keep_last = 100;
    testing::run(config, rank.group);
    if (rank.group.rank() == 0) {
      const fs::path shared = config.output_dir;
      config.output_dir = (rank.folder / "alone").string();
      testing::run(config);
      const auto expected = logged_losses(config.output_dir);
      CHECK(expected.size() == 6 + 3);
      check_close(logged_losses(shared), expected);

      config.output_dir = (rank.folder / "continued").string();
      const fs::path continued = config.output_dir;
      fs::create_directories(continued);
      fs::copy(checkpoint::step_directory(shared, 4), checkpoint::step_directory(continued, 4),
               fs::copy_options::recursive);
      fs::copy(shared / "metrics.jsonl", continued / "metrics.jsonl");
      testing::run(config);
      check_close(logged_losses(continued), expected);
    }
    rank.group.shutdown();
  });
}

TEST_CASE("a stop during the last validation leaves the report to the next start", "[stage]") {
  run_ranks(1, [] {
    Rank rank;
    auto config = rank.config();
    config.data.validation_share = 0.2;
    config.train.max_steps = 2;
    config.report.samples = 0;
    CHECK_FALSE(testing::run(config, rank.group).stopped);
    const fs::path folder = config.output_dir;
    testing::age(folder / "report.html");  // one of an earlier start
    // As a stop during the last validation leaves the log.
    const auto metrics = testing::text_of(folder / "metrics.jsonl");
    testing::write_text(folder / "metrics.jsonl", metrics.substr(0, metrics.rfind('\n', metrics.size() - 2) + 1));
    core::install_stop_handler();
    std::raise(SIGTERM);
    testing::CapturedStderr log(folder / "log");
    const auto summary = testing::run(config, rank.group);
    CHECK(summary.stopped);
    CHECK_FALSE(summary.validation_after);
    CHECK_FALSE(summary.reported);
    CHECK_THAT(log.text(), contains("stopped: step 2 of 2; checkpoint ") && !contains("report.html"));
    rank.group.shutdown();
  });
}

TEST_CASE("ranks that see different run folders refuse to start", "[stage]") {
  run_ranks(2, [] {
    Rank rank;
    auto config = rank.config();
    config.train.max_steps = 2;
    if (rank.group.rank() == 0) {
      testing::run(config);
    } else {
      fs::create_directory(rank.folder / "elsewhere");
    }
    // What a disk of its own is to a second machine.
    const auto before = fs::current_path();
    fs::current_path(rank.group.rank() == 0 ? rank.folder : rank.folder / "elsewhere");
    config.output_dir = "run";
    rank.group.barrier();
    CHECK(thrown<DistributedError>([&] { TrainingRun(config, rank.group, torch::kCPU); }) ==
          Parts{.kind = "the ranks disagree on the step to resume from",
                .got = "2 on rank 0 and 0 on rank 1",
                .expected = "output_dir on a disk that all ranks see"});
    fs::current_path(before);
    rank.group.shutdown();
  });
}

TEST_CASE("ranks with another configuration are refused with the first field that differs", "[stage]") {
  run_ranks(3, [] {
    Rank rank;
    const auto refused = [&](const RunConfig& config) {
      return thrown<DistributedError>([&] { TrainingRun(config, rank.group, torch::kCPU); });
    };
    auto config = rank.config();
    if (rank.group.rank() == 2) config.train.lr = 2e-3;
    CHECK(refused(config) == Parts{.kind = "the ranks disagree on train.lr",
                                   .got = "0.001 on rank 0 and 0.002 on rank 2",
                                   .expected = "one configuration"});
    config = rank.config();
    if (rank.group.rank() == 1) config.data.train.push_back(config.data.train.front());
    CHECK(refused(config) == Parts{.kind = "the ranks disagree on the configuration",
                                   .got = "\"  validation: []\" on rank 0 and \"    - annotations: train.json\" on "
                                          "rank 1"});
    CHECK_FALSE(fs::exists(config.output_dir));
    rank.group.shutdown();
  });
}

TEST_CASE("ranks that read other data are refused, also where the files are equally long", "[stage]") {
  run_ranks(2, [] {
    Rank rank;
    auto config = rank.config();
    if (rank.group.rank() == 1) {
      auto text = testing::text_of(rank.folder / "train.json");
      text.replace(text.find("What is"), 7, "Who was");
      fs::create_directory(rank.folder / "other");
      testing::write_text(rank.folder / "other/train.json", text);
      fs::create_directory_symlink(rank.folder / "images", rank.folder / "other/images");
    }
    rank.group.barrier();
    const auto before = fs::current_path();
    fs::current_path(rank.group.rank() == 0 ? rank.folder : rank.folder / "other");
    config.data.root = ".";
    const auto error = thrown<DistributedError>([&] { TrainingRun(config, rank.group, torch::kCPU); });
    fs::current_path(before);
    CHECK(error == Parts{.kind = "the ranks disagree on the data"});
    CHECK_THAT(error.got(), contains(" weight 1 train.json\" on rank 0 and ") && contains("on rank 1"));
    CHECK_FALSE(fs::exists(fs::path(config.output_dir)));
    rank.group.shutdown();
  });
}

TEST_CASE("a rank that cannot start sends its reason to the others", "[stage]") {
  run_ranks(2, [] {
    Rank rank;
    const auto config = rank.config();
    const fs::path there = rank.folder / "there";  // rank 1 is past the barrier, in which the news may reach it too
    if (rank.group.rank() == 0) {
      while (!fs::exists(there)) std::this_thread::sleep_for(std::chrono::milliseconds(5));
      fs::create_directories(config.output_dir);
      const core::FolderLock lock(config.output_dir);
      const auto error = thrown<ConfigError>([&] { TrainingRun(config, rank.group, torch::kCPU); });
      CHECK_THAT(error.got(), contains("a lock held by process "));
      rank.group.abandon(error.what());
    } else {
      testing::write_text(there, "");
      CHECK_THAT(thrown<DistributedError>([&] { TrainingRun(config, rank.group, torch::kCPU); }).what(),
                 contains("rank 0") && contains("another run is writing into this folder"));
    }
  });
}

}  // namespace convllava::stage
