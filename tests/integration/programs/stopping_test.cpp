// Runs that are stopped from outside.

#include "convllava/core/files.h"
#include "tests/catch.h"
#include "tests/integration/programs/run_files.h"

using namespace convllava;
using namespace convllava::testing;

namespace {

/// Waits in the shell until the run has logged a step.
std::string when_training(const std::filesystem::path& run) {
  return "for i in $(seq 600); do grep -qs train/loss " + (run / "metrics.jsonl").string() +
         " && break; sleep 0.1; done; ";
}

std::string endless(const std::filesystem::path& folder) {
  return write_config(folder, [](auto& config) {
    config.train.max_steps = 0;
    config.train.epochs = 100000;
  });
}

}  // namespace

TEST_CASE("SIGTERM writes a checkpoint, ends with 143, and the run goes on from there", "[programs]") {
  const TemporaryFolder folder;
  write_records(folder.path(), 16);
  const auto config = endless(folder.path());
  const auto run_folder = folder.path() / "run";
  const auto stopped = run(
      {"bash", "-c",
       program("train") + " --config " + config + " & p=$!; " + when_training(run_folder) + "kill -TERM $p; wait $p"});
  INFO(stopped.output);
  CHECK(stopped.exit_code == 143);
  CHECK_THAT(stopped.output, contains("checkpoint-"));
  const auto resumed =
      run({"bash", "-c", program("train") + " --config " + config + " & p=$!; sleep 4; kill -INT $p; wait $p"});
  INFO(resumed.output);
  CHECK_THAT(resumed.output, contains("going on from step"));
  CHECK(resumed.exit_code == 130);
}

TEST_CASE("when a rank is killed the others leave with its number", "[programs]") {
  const TemporaryFolder folder;
  write_records(folder.path(), 16);
  const auto config = endless(folder.path());
  const std::string port = std::to_string(free_port());
  const std::string common = "WORLD_SIZE=2 MASTER_ADDR=127.0.0.1 MASTER_PORT=" + port + " OMP_NUM_THREADS=1 ";
  const auto outcome = run({"bash", "-c",
                            common + "RANK=1 LOCAL_RANK=1 " + program("train") + " --config " + config + " & q=$!; " +
                                common + "RANK=0 LOCAL_RANK=0 " + program("train") + " --config " + config +
                                " & p=$!; " + when_training(folder.path() / "run") + "kill -9 $q; wait $p"});
  INFO(outcome.output);
  CHECK(outcome.exit_code == 5);
  CHECK_THAT(outcome.output, contains("rank 1"));
}
