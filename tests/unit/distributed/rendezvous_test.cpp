#include "convllava/distributed/rendezvous.h"

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <thread>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>

#include "convllava/core/error.h"
#include "convllava/distributed/process_group.h"
#include "convllava/nn/libtorch.h"
#include "tests/catch.h"
#include "tests/support/errors.h"
#include "tests/support/files.h"
#include "tests/support/ranks.h"

namespace convllava::distributed {
namespace {

using testing::contains;
using testing::run_program;
using testing::run_ranks;
using testing::thrown;

const std::string kTorchrunProgram = CONVLLAVA_SOURCE_DIR "/.venv/bin/torchrun";
constexpr const char* kWorker = "worker under torchrun";

/// The processes that run meet as `world_size` ranks, so that none is taken for absent because it started late, and
/// agree on a new port. Returns the environment they were started with, but with that port and a short time-out.
LaunchEnvironment meet(int rank, int world_size) {
  auto environment = launch_environment();
  auto first = environment;
  first.rank = rank;
  first.world_size = world_size;
  ProcessGroup group(first, torch::kCPU);
  auto port = torch::tensor({rank == 0 ? testing::free_port() : 0});
  group.broadcast(port);
  group.shutdown();
  environment.master_port = port.item<int>();
  environment.join_timeout = std::chrono::seconds(3);
  return environment;
}

StorePtr part_of(const StorePtr& store, const char* name) {
  return c10::make_intrusive<c10d::PrefixStore>(name, store);
}

std::string message_of_joining(const LaunchEnvironment& environment) {
  return thrown<DistributedError>([&] { ProcessGroup group(environment, torch::kCPU); }).what();
}

/// A torchrun agent of this program's `kWorker`. The rank `victim` kills itself `deaths` times in all, which it counts
/// in `folder`.
testing::RankOutcome torchrun(std::vector<std::string> options, const std::filesystem::path& folder,
                              const std::string& victim, int deaths) {
  std::vector<std::string> command = {kTorchrunProgram};
  command.insert(command.end(), options.begin(), options.end());
  for (const std::string& word : {std::string("--no-python"), testing::own_program(), std::string(kWorker)}) {
    command.push_back(word);
  }
  return run_program(
      command,
      {{"VICTIM", victim}, {"DEATHS", std::to_string(deaths)}, {"FOLDER", folder.string()}, {"OMP_NUM_THREADS", "1"}},
      std::chrono::seconds(180));
}

/// One agent with two workers.
testing::RankOutcome one_agent(const std::filesystem::path& folder, const std::string& victim, int deaths) {
  return torchrun({"--nproc-per-node=2", "--max-restarts=" + std::to_string(deaths), "--master-port",
                   std::to_string(testing::free_port())},
                  folder, victim, deaths);
}

}  // namespace

TEST_CASE("joining names the ranks that do not come", "[distributed]") {
  run_ranks(4,
            [] {
              const auto environment = meet(launch_environment().rank / 2, 2);
              CHECK_THAT(message_of_joining(environment),
                         contains("rank " + std::to_string(environment.rank) + " of 4: ") && contains("ranks 1, 3"));
            },
            {.absent = {1, 3}});
}

TEST_CASE("joining says so when rank 0 does not come", "[distributed]") {
  run_ranks(2,
            [] {
              auto environment = launch_environment();
              environment.join_timeout = std::chrono::seconds(1);
              CHECK_THAT(message_of_joining(environment),
                         contains("rank 1 of 2: rank 0, which serves the store, did not answer at 127.0.0.1:") &&
                             contains(" within 1 s; got ") && contains("; expected a running rank 0"));
            },
            {.absent = {0}});
}

TEST_CASE("a list of ranks is short", "[distributed]") {
  CHECK(list_of({3}) == "rank 3");
  CHECK(list_of({3, 4}) == "ranks 3, 4");
  CHECK(list_of({1, 3, 4, 5, 9, 10, 11, 12}) == "ranks 1, 3-5, 9-12");
}

TEST_CASE("a rank that waits for others to start says for whom and where", "[distributed]") {
  run_ranks(
      4,
      [] {
        auto environment = meet(launch_environment().rank / 2, 2);
        environment.join_note = std::chrono::milliseconds(500);
        message_of_joining(environment);
      },
      {.absent = {1, 3}},
      [](const std::vector<testing::RankOutcome>& outcomes) {
        CHECK_THAT(outcomes[0].output,
                   contains("waiting for 2 of 4 ranks (ranks 1, 3) at 127.0.0.1:") && contains(" s)"));
        CHECK_THAT(outcomes[1].output, !contains("ranks 1, 3) at"));  // one speaks for all
      });
}

TEST_CASE("a rank says that it waits for rank 0", "[distributed]") {
  run_ranks(
      2,
      [] {
        auto environment = launch_environment();
        environment.join_timeout = std::chrono::seconds(3);
        environment.join_note = std::chrono::seconds(1);
        message_of_joining(environment);
      },
      {.absent = {0}},
      [](const std::vector<testing::RankOutcome>& outcomes) {
        CHECK_THAT(outcomes[0].output, contains("waiting for rank 0 at 127.0.0.1:") && contains(" s)"));
      });
}

TEST_CASE("joining says so when rank 0 gives up first", "[distributed]") {
  run_ranks(3,
            [] {
              auto environment = meet(launch_environment().rank, 2);
              if (environment.rank == 1) environment.join_timeout = std::chrono::minutes(5);
              const auto message = message_of_joining(environment);
              if (environment.rank == 1) {
                CHECK_THAT(
                    message,
                    contains("rank 1 of 3: rank 0, which serves the store, disconnected during the wait for rank 2; "
                             "got "));
              }
            },
            {.absent = {2}});
}

TEST_CASE("two processes of one rank do not join", "[distributed]") {
  const std::string twice =
      "rank 1 of 3: another process of this rank has joined the run; got run none; expected one process for each rank, "
      "and a MASTER_PORT that no other run uses";
  run_ranks(
      3,
      [&] {
        auto environment = meet(launch_environment().rank, 3);
        if (environment.rank == 2) environment.rank = 1;
        const auto message = message_of_joining(environment);
        if (environment.rank == 0) {
          CHECK_THAT(message,
                     contains("rank 0 of 3: not all ranks joined within 3 s; got no connection from rank 2; expected 3 "
                              "processes"));
        }
        std::printf("%s\n", message.c_str());
      },
      {},
      [&](const std::vector<testing::RankOutcome>& outcomes) {
        CHECK(outcomes[0].exit_code == 0);
        CHECK_THAT(outcomes[1].output + outcomes[2].output, contains(twice));
      });
}

TEST_CASE("rank 0 says so when its port is taken", "[distributed]") {
  run_ranks(2, [] {
    const auto environment = launch_environment();
    ProcessGroup group(environment, torch::kCPU);
    if (environment.rank == 0) {
      CHECK_THAT(message_of_joining(environment), contains("rank 0 of 2: cannot serve the store at 127.0.0.1:") &&
                                                      contains("EADDRINUSE") &&
                                                      contains("; expected a free port in MASTER_PORT"));
    }
    group.shutdown();
  });
}

TEST_CASE("a rank that dies while the ranks connect is named within seconds", "[distributed]") {
  // Before it has a connection of its own, and when the ring that tells of deaths is there but nothing else.
  for (const bool in_the_ring : {false, true}) {
    run_ranks(
        4,
        [in_the_ring] {
          auto environment = meet(launch_environment().rank, 4);
          environment.join_timeout = std::chrono::minutes(5);
          if (environment.rank == 1) {
            const auto store = join(environment);
            const auto ring = in_the_ring ? gloo_backend(part_of(store, "ring"), environment, 1) : BackendPtr();
            raise(SIGKILL);
          }
          CHECK_THAT(message_of_joining(environment),
                     contains("of 4: rank 1 died" + std::string(in_the_ring ? ": it was killed or crashed"
                                                                            : " or was stopped while the ranks "
                                                                              "connected: no heartbeat for 5 s")));
        },
        {.timeout = std::chrono::seconds(60)},
        [](const std::vector<testing::RankOutcome>& outcomes) {
          for (const int survivor : {0, 2, 3}) CHECK(outcomes[survivor].exit_code == 0);
          CHECK(outcomes[1].signal == SIGKILL);
        });
  }
}

TEST_CASE("a rank that cannot connect sends its reason to the others", "[distributed]") {
  run_ranks(3,
            [] {
              auto environment = meet(launch_environment().rank, 3);
              environment.join_timeout = std::chrono::minutes(5);
              if (environment.rank == 2) setenv("GLOO_SOCKET_IFNAME", "nonesuch0", 1);
              CHECK_THAT(message_of_joining(environment),
                         contains(environment.rank == 2 ? "rank 2 of 3: cannot connect to the other ranks, got "
                                                        : "rank 2 left: cannot connect to the other ranks, got ") &&
                             contains("nonesuch0"));
            },
            {.timeout = std::chrono::seconds(60)});
}

TEST_CASE("a network interface that does not exist is named", "[distributed]") {
  run_ranks(2, [] {
    const auto environment = meet(launch_environment().rank, 2);
    setenv("GLOO_SOCKET_IFNAME", "nonesuch0", 1);
    CHECK_THAT(message_of_joining(environment), contains("cannot connect to the other ranks") && contains("nonesuch0"));
  });
}

TEST_CASE(kWorker, "[.]") {
  const auto environment = launch_environment();
  const std::filesystem::path folder = std::getenv("FOLDER");
  ProcessGroup group(environment, torch::kCPU);
  CHECK(group.all_reduce({1.0}) == std::vector<double>{2.0});
  if (std::to_string(group.rank()) == std::getenv("VICTIM")) {
    for (int death = 0; death < std::atoi(std::getenv("DEATHS")); ++death) {
      if (std::filesystem::create_directory(folder / ("death" + std::to_string(death)))) raise(SIGKILL);
    }
  }
  CHECK(group.all_reduce({1.0}) == std::vector<double>{2.0});
  group.shutdown();
  std::printf("rank %d, agent's store %d, finished\n", group.rank(), environment.agent_store);
}

TEST_CASE("ranks under torchrun meet in its store", "[distributed]") {
  if (!std::filesystem::exists(kTorchrunProgram)) SKIP(kTorchrunProgram << " is not installed");
  const testing::TemporaryFolder folder;
  const auto outcome = one_agent(folder.path(), "nobody", 0);
  INFO(outcome.output);
  CHECK(outcome.exit_code == 0);
  CHECK_THAT(outcome.output, contains("rank 1, agent's store 1, finished"));
}

TEST_CASE("ranks that torchrun restarts do not meet the keys of their former life", "[distributed]") {
  if (!std::filesystem::exists(kTorchrunProgram)) SKIP(kTorchrunProgram << " is not installed");
  const testing::TemporaryFolder folder;
  const auto outcome = one_agent(folder.path(), "1", 1);
  INFO(outcome.output);
  CHECK(outcome.exit_code == 0);
  CHECK(std::filesystem::exists(folder / "death0"));
  CHECK_THAT(outcome.output, contains("rank 1, agent's store 1, finished"));
}

// The agents count restarts differently: the one whose worker died counts it, the other starts its worker anew because
// the members changed.
TEST_CASE("ranks of two agents meet again each time a worker is killed", "[distributed]") {
  if (!std::filesystem::exists(kTorchrunProgram)) SKIP(kTorchrunProgram << " is not installed");
  const testing::TemporaryFolder folder;
  const std::vector<std::string> options = {"--nnodes=2",
                                            "--nproc-per-node=1",
                                            "--max-restarts=6",
                                            "--rdzv-backend=c10d",
                                            "--rdzv-endpoint=127.0.0.1:" + std::to_string(testing::free_port()),
                                            "--rdzv-id=two-agents",
                                            "--local-addr=127.0.0.1"};
  testing::RankOutcome first;
  std::thread other([&] { first = torchrun(options, folder.path(), "1", 3); });
  const auto second = torchrun(options, folder.path(), "1", 3);
  other.join();
  INFO(first.output << "\n----\n" << second.output);
  CHECK(first.exit_code == 0);
  CHECK(second.exit_code == 0);
  CHECK(std::filesystem::exists(folder / "death2"));
  for (const char* rank : {"rank 0", "rank 1"}) {
    CHECK_THAT(first.output + second.output, contains(std::string(rank) + ", agent's store 1, finished"));
  }
}

}  // namespace convllava::distributed
