#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <thread>

#include "convllava/core/error.h"
#include "convllava/distributed/process_group.h"
#include "convllava/nn/libtorch.h"
#include "tests/catch.h"
#include "tests/support/errors.h"
#include "tests/support/hosts.h"
#include "tests/support/ranks.h"

namespace convllava::distributed {
namespace {

using testing::contains;
using testing::Parts;
using testing::RankOptions;
using testing::RankOutcome;
using testing::run_ranks;
using testing::thrown;
using Outcomes = std::vector<RankOutcome>;

constexpr int kWorld = 3;
/// Far below any time-out of a collective.
const RankOptions kSoon = {.timeout = std::chrono::seconds(60)};

void sleep(int milliseconds) { std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds)); }

[[noreturn]] void call_collectives(ProcessGroup& group) {
  while (true) group.all_reduce(torch::ones({1000}));
}

DistributedError error_of_collectives(ProcessGroup& group) {
  return thrown<DistributedError>([&] { call_collectives(group); });
}

/// The same behind a barrier, after which all have a group. A rank that leaves then may find others still in it.
DistributedError error_behind_barrier(ProcessGroup& group, int pause_milliseconds = 0) {
  return thrown<DistributedError>([&] {
    group.barrier();
    sleep(pause_milliseconds);
    call_collectives(group);
  });
}

/// One rank of three ends by SIGKILL; the others call collectives until they fail.
void lose_a_rank(int victim, bool others_wait_in_a_collective) {
  ProcessGroup group(launch_environment(), torch::kCPU);
  if (group.rank() == victim) {
    group.barrier();
    if (others_wait_in_a_collective) sleep(300);
    raise(SIGKILL);
  }
  const Parts expected = {.where = "of 3",
                          .kind = "rank " + std::to_string(victim) + " died: it was killed or crashed"};
  CHECK(error_behind_barrier(group, others_wait_in_a_collective ? 0 : 300) == expected);
  CHECK(thrown<DistributedError>([&] { group.barrier(); }) == expected);
  CHECK(thrown<DistributedError>([&] { group.shutdown(); }) == expected);
}

void expect_one_killed(const Outcomes& outcomes, int victim) {
  for (int rank = 0; rank < kWorld; ++rank) {
    INFO("victim " << victim << ", rank " << rank);
    CHECK_FALSE(outcomes[rank].timed_out);
    CHECK(outcomes[rank].signal == (rank == victim ? SIGKILL : 0));
    CHECK(outcomes[rank].exit_code == (rank == victim ? -1 : 0));
  }
}

}  // namespace

TEST_CASE("ranks in a collective learn at once which rank was killed", "[distributed]") {
  for (int victim = 0; victim < kWorld; ++victim) {
    run_ranks(
        kWorld, [victim] { lose_a_rank(victim, true); }, kSoon,
        [victim](const Outcomes& outcomes) { expect_one_killed(outcomes, victim); });
  }
}

TEST_CASE("ranks outside a collective learn in the next one which rank was killed", "[distributed]") {
  for (const int victim : {0, 2}) {
    run_ranks(
        kWorld, [victim] { lose_a_rank(victim, false); }, kSoon,
        [victim](const Outcomes& outcomes) { expect_one_killed(outcomes, victim); });
  }
}

TEST_CASE("a rank that abandons the group gives its reason to the others", "[distributed]") {
  run_ranks(
      kWorld,
      [] {
        ProcessGroup group(launch_environment(), torch::kCPU);
        if (group.rank() == 2) {
          group.barrier();
          group.abandon("records.jsonl:7: not a JSON object");
          group.abandon("a second reason");
        }
        CHECK(error_behind_barrier(group) ==
              Parts{.where = "of 3", .kind = "rank 2 left: records.jsonl:7: not a JSON object"});
      },
      kSoon);
}

TEST_CASE("a long reason is cut between characters", "[distributed]") {
  std::string reason = "x";
  while (reason.size() < 5000) reason += "é";
  run_ranks(
      2,
      [&] {
        ProcessGroup group(launch_environment(), torch::kCPU);
        if (group.rank() == 1) {
          group.barrier();
          group.abandon(reason);
          return;
        }
        const std::string message = error_behind_barrier(group).what();
        const std::string start = "rank 0 of 2: rank 1 left: x";
        REQUIRE(message.substr(0, start.size()) == start);
        CHECK(message.size() > 2000);
        CHECK((message.size() - start.size()) % 2 == 0);
      },
      kSoon);
}

TEST_CASE("a rank that goes without shutdown is named", "[distributed]") {
  run_ranks(
      kWorld,
      [] {
        ProcessGroup group(launch_environment(), torch::kCPU);
        if (group.rank() == 1) {
          group.barrier();
          return;
        }
        CHECK_THAT(error_behind_barrier(group).what(), contains("of 3: rank 1 left without saying why"));
      },
      kSoon);
}

TEST_CASE("collectives under way when a rank dies fail one by one", "[distributed]") {
  run_ranks(
      2,
      [] {
        ProcessGroup group(launch_environment(), torch::kCPU);
        std::vector<PendingCollective> pending;
        for (int i = 0; i < 10; ++i) {
          if (group.rank() == 1 && i == 5) raise(SIGKILL);
          pending.push_back(group.all_reduce_async(torch::ones({100000})));
          if (i < 3) pending.back().wait();
        }
        int failures = 0;
        for (auto& collective : pending) {
          try {
            collective.wait();
          } catch (const DistributedError&) {
            ++failures;
          }
          collective.wait();
        }
        CHECK(failures >= 5);
        CHECK(failures <= 7);
      },
      kSoon,
      [](const Outcomes& outcomes) {
        CHECK(outcomes[0].exit_code == 0);
        CHECK(outcomes[1].signal == SIGKILL);
      });
}

TEST_CASE("the lowest rank that waits in a collective says for whom", "[distributed]") {
  for (const bool stopped : {false, true}) {
    run_ranks(
        kWorld,
        [stopped] {
          auto environment = launch_environment();
          environment.stall_note = std::chrono::seconds(2);
          ProcessGroup group(environment, torch::kCPU);
          const auto process = group.all_reduce({environment.rank == 2 ? static_cast<double>(getpid()) : 0.0});
          std::thread alarm;
          if (environment.rank == 2 && stopped) raise(SIGSTOP);
          if (environment.rank == 2 && !stopped) sleep(5000);
          if (environment.rank == 0) {
            alarm = std::thread([&] {
              sleep(5000);
              kill(static_cast<pid_t>(process[0]), SIGCONT);
            });
          }
          CHECK(group.all_reduce({1.0}) == std::vector<double>{kWorld});
          if (alarm.joinable()) alarm.join();
          group.shutdown();
        },
        kSoon,
        [stopped](const Outcomes& outcomes) {
          const std::string silent = "; no heartbeat from rank 2: stopped or unreachable";
          for (const auto& outcome : outcomes) CHECK(outcome.exit_code == 0);
          CHECK_THAT(outcomes[0].output, contains("waiting for rank 2 in all_reduce ("));
          CHECK((outcomes[0].output.find(silent) != std::string::npos) == stopped);
          CHECK_THAT(outcomes[1].output + outcomes[2].output, !contains("waiting for rank"));
        });
  }
}

TEST_CASE("a rank whose process is stopped is named after the silence, wherever the others are", "[distributed]") {
  for (const bool in_a_collective : {true, false}) {
    run_ranks(
        kWorld,
        [in_a_collective] {
          auto environment = launch_environment();
          environment.timeouts.silence_seconds = 4;
          ProcessGroup group(environment, torch::kCPU);
          const auto process = group.all_reduce({environment.rank == 1 ? static_cast<double>(getpid()) : 0.0});
          if (group.rank() == 1) raise(SIGSTOP);
          const auto start = std::chrono::steady_clock::now();
          if (!in_a_collective) sleep(6000);
          CHECK(error_of_collectives(group) ==
                Parts{.where = "of 3",
                      .kind = "rank 1 has been silent for 4 s: its process is stopped, or its machine is "
                              "cut off from rank 2"});
          CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(8));
          if (group.rank() == 2) kill(static_cast<pid_t>(process[0]), SIGKILL);
        },
        kSoon, [](const Outcomes& outcomes) { expect_one_killed(outcomes, 1); });
  }
}

TEST_CASE("a machine that was paused as a whole goes on", "[distributed]") {
  run_ranks(
      2,
      [] {
        auto environment = launch_environment();
        environment.timeouts.silence_seconds = 4;
        ProcessGroup group(environment, torch::kCPU);
        const double own = getpid();
        const auto processes = group.all_reduce({group.rank() == 0 ? own : 0.0, group.rank() == 1 ? own : 0.0});
        if (group.rank() == 0) {
          const auto both = fmt::format("{} {}", processes[0], processes[1]);
          const auto pause = fmt::format("(kill -STOP {0}; sleep 6; kill -CONT {0}) &", both);
          REQUIRE(std::system(pause.c_str()) == 0);
        }
        sleep(500);
        for (int i = 0; i < 20; ++i) {
          CHECK(group.all_reduce({1.0}) == std::vector<double>{2.0});
          sleep(100);
        }
        group.shutdown();
      },
      kSoon);
}

TEST_CASE("when the link between two machines is cut, both ranks leave after the silence", "[distributed]") {
  if (const auto reason = testing::TwoHosts::unavailable()) SKIP(*reason);
  run_ranks(
      2,
      [] {
        auto environment = launch_environment();
        environment.timeouts.silence_seconds = 4;
        ProcessGroup group(environment, torch::kCPU);
        CHECK(group.all_reduce({1.0}) == std::vector<double>{2.0});
        const auto start = std::chrono::steady_clock::now();
        if (group.rank() == 1) REQUIRE(std::system("ip link set eth0 down") == 0);
        const std::string other = std::to_string(1 - group.rank());
        const std::string own = std::to_string(group.rank());
        CHECK(error_of_collectives(group) == Parts{.where = "of 2",
                                                   .kind = "rank " + other +
                                                           " has been silent for 4 s: its process is stopped, or its "
                                                           "machine is cut off from rank " +
                                                           own});
        CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(8));
      },
      {.timeout = std::chrono::seconds(60), .on_two_hosts = true});
}

TEST_CASE("a rank that takes no part in a collective makes it time out", "[distributed]") {
  run_ranks(
      2,
      [] {
        auto environment = launch_environment();
        environment.collective_timeout = std::chrono::seconds(1);
        ProcessGroup group(environment, torch::kCPU);
        if (group.rank() == 0) {
          CHECK_THAT(error_of_collectives(group).what(),
                     contains("rank 0 of 2: rank 0 left: all_reduce failed") && contains("Timed out"));
        } else {
          // An empty collective sends nothing.
          const auto failed = [&] {
            try {
              group.all_reduce(torch::empty({0}));
              return false;
            } catch (const DistributedError&) {
              return true;
            }
          };
          while (!failed()) sleep(50);
          CHECK_THAT(error_of_collectives(group).what(),
                     contains("rank 1 of 2: rank 0 left: all_reduce failed") && contains("Timed out"));
        }
      },
      kSoon);
}

}  // namespace convllava::distributed
