// Runs that are stopped from outside.

#include <csignal>

#include "convllava/core/files.h"
#include "tests/catch.h"
#include "tests/integration/programs/run_files.h"

using namespace convllava;
using namespace convllava::testing;

namespace {

namespace fs = std::filesystem;

std::string endless(const fs::path& folder) {
  return write_config(folder, [](auto& config) {
    config.train.max_steps = 0;
    config.train.epochs = 100000;
  });
}

/// A shell script that waits until `condition` holds, for a minute at most.
std::string until(const std::string& condition) {
  return "for i in $(seq 600); do " + condition + " && break; sleep 0.1; done; ";
}

/// The run has logged a step beyond those of `metrics_before` lines.
std::string has_trained(const fs::path& run, int64_t metrics_before = 0) {
  const std::string file = word((run / "metrics.jsonl").string());
  return "[ $(cat " + file + " 2>/dev/null | wc -l) -gt " + std::to_string(metrics_before + 1) + " ]";
}

int64_t lines_of(const fs::path& file) {
  const auto bytes = core::read_file(file);
  return std::count(bytes.begin(), bytes.end(), '\n');
}

/// Rank `rank` of two, started in the background; its process is `$name`.
std::string rank_of_two(int rank, const std::string& config, int port, const std::string& name) {
  return "RANK=" + std::to_string(rank) + " LOCAL_RANK=" + std::to_string(rank) + " WORLD_SIZE=2 " +
         "MASTER_ADDR=127.0.0.1 MASTER_PORT=" + std::to_string(port) + " OMP_NUM_THREADS=1 " + word(program("train")) +
         " --config " + word(config) + " & " + name + "=$!; ";
}

}  // namespace

TEST_CASE("SIGTERM and Ctrl-C write a checkpoint, and the run resumes from there", "[programs]") {
  const TemporaryFolder folder;
  write_records(folder.path(), 16);
  const auto start = word(program("train")) + " --config " + word(endless(folder.path())) + " & p=$!; ";
  const auto run_folder = folder.path() / "run";
  const auto terminated = run({"bash", "-c", start + until(has_trained(run_folder)) + "kill -TERM $p; wait $p"});
  INFO(terminated.output);
  CHECK(terminated.exit_code == 143);
  CHECK_THAT(terminated.output, contains("checkpoint-"));

  const auto metrics = lines_of(run_folder / "metrics.jsonl");
  // A terminal and a launcher may both send it.
  const auto interrupted =
      run({"bash", "-c", start + until(has_trained(run_folder, metrics)) + "kill -INT $p; kill -INT $p; wait $p"});
  INFO(interrupted.output);
  CHECK_THAT(interrupted.output,
             contains("resuming from step") && contains("stopped: step ") && contains("checkpoint-"));
  CHECK(interrupted.exit_code == 130);
}

TEST_CASE("the signals of cluster schedulers write a checkpoint too", "[programs]") {
  for (const auto& [name, number] : {std::pair{"USR1", SIGUSR1}, {"USR2", SIGUSR2}, {"XCPU", SIGXCPU}}) {
    const TemporaryFolder folder;
    write_records(folder.path(), 16);
    const auto outcome = run({"bash", "-c",
                              word(program("train")) + " --config " + word(endless(folder.path())) + " & p=$!; " +
                                  until(has_trained(folder.path() / "run")) + "kill -" + name + " $p; wait $p"});
    INFO(outcome.output);
    CHECK(outcome.exit_code == 128 + number);
    CHECK_THAT(outcome.output, contains("checkpoint-"));
  }
}

TEST_CASE("a signal to one rank stops all of them with one checkpoint", "[programs]") {
  const TemporaryFolder folder;
  write_records(folder.path(), 16);
  const auto config = endless(folder.path());
  const int port = free_port();
  const auto outcome =
      run({"bash", "-c",
           rank_of_two(1, config, port, "q") + rank_of_two(0, config, port, "p") +
               until(has_trained(folder.path() / "run")) + "kill -TERM $q; wait $q; echo rank 1: $?; wait $p"});
  INFO(outcome.output);
  CHECK(outcome.exit_code == 143);
  CHECK_THAT(outcome.output, contains("rank 1: 143") && contains("checkpoint-"));
}

TEST_CASE("when a rank is killed the other leaves with its number", "[programs]") {
  for (const int victim : {0, 1}) {
    const TemporaryFolder folder;
    write_records(folder.path(), 16);
    const auto config = endless(folder.path());
    const int port = free_port();
    const auto outcome = run({"bash", "-c",
                              rank_of_two(victim, config, port, "q") + rank_of_two(1 - victim, config, port, "p") +
                                  until(has_trained(folder.path() / "run")) + "kill -9 $q; wait $p"});
    INFO(outcome.output);
    CHECK(outcome.exit_code == 5);
    CHECK_THAT(outcome.output, contains("rank " + std::to_string(victim)));
    if (victim == 0) continue;
    // Whether rank 0 knew of the end of the step depends on the moment; it says which.
    CHECK_THAT(outcome.output, contains(" checkpoint " + (folder.path() / "run/checkpoint-").string()) ||
                                   contains("it is not known whether all ranks finished this step"));
  }
}
