// Runs that are started again after their last step.

#include <filesystem>

#include "convllava/checkpoint/run_folder.h"
#include "convllava/core/files.h"
#include "convllava/report/metric_log.h"
#include "tests/catch.h"
#include "tests/support/process.h"
#include "tests/support/tiny_run.h"
#include "tests/unit/stage/runs.h"

using namespace convllava;
using testing::contains;
using testing::run;
namespace fs = std::filesystem;

namespace {

stage::RunConfig run_of_two_steps(const fs::path& folder) {
  testing::write_records(folder, 16);
  auto config = testing::tiny_run(folder);
  config.train.max_steps = 2;
  config.checkpoint.every_steps = 2;
  return config;
}

std::string log_of_run(const testing::TemporaryFolder& folder, const stage::RunConfig& config) {
  testing::CapturedStderr log(folder / "log");
  run(config);
  return log.text();
}

size_t logged_validations(const stage::RunConfig& config, int64_t step) {
  size_t count = 0;
  for (const auto& [at, scalars] : report::read_metrics(fs::path(config.output_dir) / "metrics.jsonl")) {
    for (const auto& [name, value] : scalars) count += at == step && name == "validation/loss";
  }
  return count;
}

}  // namespace

TEST_CASE("a configuration that ends before its checkpoint says so", "[stage]") {
  const testing::TemporaryFolder folder;
  auto config = run_of_two_steps(folder.path());
  run(config);
  CHECK_THAT(log_of_run(folder, config), contains("run: all 2 steps are done; nothing to do"));
  config.train.max_steps = 1;
  const std::string beyond =
      "the checkpoint is at step 2, beyond step 1, where train.max_steps and train.epochs end the run; ";
  CHECK_THAT(log_of_run(folder, config), contains(beyond + "nothing to do"));
  fs::remove(fs::path(config.output_dir) / "report.html");
  CHECK_THAT(log_of_run(folder, config), contains(beyond + "only the report is missing") && !contains("2 of 1") &&
                                             contains("step 2 (beyond the configured 1); checkpoint "));
}

TEST_CASE("a run that was killed while it wrote its report is finished by the next start", "[stage]") {
  const testing::TemporaryFolder folder;
  auto config = run_of_two_steps(folder.path());
  config.data.validation_share = 0.2;
  run(config);
  REQUIRE(logged_validations(config, 2) == 1);
  const fs::path report = fs::path(config.output_dir) / "report.html";
  fs::remove(report);
  const auto summary = run(config);
  CHECK(summary.steps == 2);
  CHECK(summary.validation_after.has_value());
  CHECK(logged_validations(config, 2) == 1);
  CHECK_THAT(core::read_file(report), contains("2 of 2"));
}
